/** Reads of every kind, as a list that runs on every runtime: no test runner, nothing of Node. */

import { PlatteError } from '../../src/kernel/errors.ts'
import type { Transport } from '../../src/store/http/transport.ts'
import { upstreamDocuments, upstreamPackages } from '../../src/store/http/upstream.ts'

/** What the server of runtimes.test.ts has in the place of a document. */
export const places = [
  ...['plain', 'tagged', 'missing', 'forbidden', 'failing', 'moved', 'loop', 'to-file', 'encoded', 'short', 'long'],
  ...['silent', 'stops', 'closed'],
] as const

const keyOf = (name: string): string => `notes/${name}`
const packageKey = 'packages/example.app/1.0.0+4/amd64-usr/0123/os.gz'
const movedKey = 'packages/example.app/1.0.0+4/amd64-usr/0123/moved.gz'

/** What came of each read, in a word. */
export async function readAll(url: string, transport: Transport): Promise<Readonly<Record<string, string>>> {
  const documents = upstreamDocuments(url, { idleMs: 1000, transport })
  const packages = upstreamPackages(url, { idleMs: 1000, transport })
  const outcomes: Record<string, string> = {}
  const note = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    outcomes[name] = await work().then(String, (error) => (error instanceof PlatteError ? error.code : `${error}`))
  }
  const textOf = (bytes: Uint8Array | undefined): string => (bytes ? new TextDecoder().decode(bytes) : 'absent')
  for (const name of places) await note(name, async () => textOf((await documents.get(keyOf(name), 100))?.bytes))
  for (const name of ['plain', 'tagged'])
    await note(`${name} again`, async () => {
      const known = await documents.get(keyOf(name), 100)
      return (await documents.get(keyOf(name), 100, known)) === known
    })
  const read = async (work: ReturnType<typeof packages.open>): Promise<string> => {
    const open = await work
    return open ? `${open.size}: ${await new Response(open.body).text()}` : 'absent'
  }
  for (const key of [packageKey, movedKey]) {
    await note(`open ${key}`, () => read(packages.open(key)))
    await note(`part of ${key}`, () => read(packages.open(key, { start: 3, end: 5 })))
    await note(`stat ${key}`, async () => (await packages.stat(key))?.size)
  }
  return outcomes
}
