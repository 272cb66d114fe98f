/** A Platte as the upstream of another: everything that readers need comes through HTTP, and is verified behind it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { catalogKey } from '../../src/documents/paths.ts'
import { startServer } from '../../src/runtime/node.ts'
import type { Running } from '../../src/runtime/server.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamDocuments } from '../../src/store/http/upstream.ts'
import { makeSceneStore, publicUrl, type SceneStore } from '../scenes/fixture.ts'
import { playScene, sceneNames } from '../scenes/runner.ts'
import { sendOver } from '../scenes/send.ts'
import { fileServer, serve, type TestServer } from './server.ts'

const transport = nodeTransport()

const main = inject('cli')
const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
let dir: string
let store: SceneStore
/** Serves the packages itself. */
let whole: Running
/** Sends clients to a plain server for them. */
let elsewhere: Running
let files: TestServer

const start = (env: Readonly<Record<string, string>>): Promise<Running> =>
  startServer(
    readSettings({ PLATTE_STORE: `file:${dir}`, PLATTE_ROOT: store.pin, PORT: '0', ...env }, ['store', 'pin']),
    { ...store.publisher, timestamp: [], log: () => {} },
  )

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'platte-upstream-'))
  const { documents, packages } = await openStore({ kind: 'file', dir })
  store = await makeSceneStore(documents, packages)
  files = await serve(fileServer(store.publisher, { tags: 'content', ranges: true }))
  whole = await start({})
  elsewhere = await start({ PLATTE_PACKAGES_URL: files.url })
})
afterAll(async () => {
  await Promise.all([whole.stop(), elsewhere.stop(), files.close()])
  await rm(dir, { recursive: true })
})

interface Run {
  readonly code: number | null
  readonly out: string
  readonly talk: string
}

/** The command line as a process of its own. */
async function platte(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, PLATTE_ROOT: store.pin, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, talk, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, out, talk }
}

describe('over another Platte', () => {
  test.each([
    ['that serves its packages', () => whole.url],
    ['that sends elsewhere for its packages', () => elsewhere.url],
    ['that is a plain server of files', () => files.url],
  ])('%s: `verify` reads everything, and lists what it could not check', async (_, url) => {
    const { code, out, talk } = await platte(['verify', '--store', url()])
    expect([code, talk]).toEqual([0, ''])
    expect(out).toMatch(/^not checked: objects and channels that nothing names: .*cannot be listed$/m)
    expect(out).toMatch(/^channels 6, manifests 17, packages 7$/m)
  })

  test('`show` and `explain` print its contents', async () => {
    const shown = await platte(['show', '--store', whole.url])
    expect(shown).toMatchObject({ code: 0, talk: '' })
    expect(shown.out).toMatch(/beta +3 +arm64-usr +4152\.2\.0 +4152\.2\.0/)
    const query = ['--app', app, '--channel', 'beta', '--version', '4081.2.0', '--board', 'amd64-usr', '--json']
    const { out } = await platte(['explain', '--store', whole.url, ...query])
    expect(JSON.parse(out)).toMatchObject({ decision: 'update', offered: '4152.2.0' })
  })

  test('writing commands are refused', async () => {
    const run = await platte([
      'publish',
      main,
      '--store',
      whole.url,
      '--app',
      app,
      '--channel',
      'beta',
      '--version',
      '9',
      '--board',
      'amd64-usr',
    ])
    expect(run.code).not.toBe(0)
    const { code, talk } = await platte(['init', '--store', whole.url, '--keys', join(dir, 'keys')])
    expect(code).not.toBe(0)
    expect(talk).toContain('error: ')
  })

  test('unchanged documents are requested by ETag', async () => {
    const { get } = upstreamDocuments(`${whole.url}/`, { transport })
    const known = await get(catalogKey, 2 ** 20)
    expect(known?.token).toMatch(/^[0-9a-f]{64} "[0-9a-f]{64}"$/)
    expect(await get(catalogKey, 2 ** 20, known)).toBe(known)
    await refresh(store.publisher, { force: true })
    const next = await get(catalogKey, 2 ** 20, known)
    expect(next).not.toBe(known)
    expect(next?.bytes).toEqual(new Uint8Array(await readFile(join(dir, catalogKey))))
  })
})

describe('a Platte over a Platte gives the same answer in every scene', () => {
  let second: Running
  beforeAll(async () => {
    const { pin } = store.publisher
    const upstream = await openStore({ kind: 'http', url: `${elsewhere.url}/` })
    const env = { PLATTE_STORE: elsewhere.url, PLATTE_ROOT: store.pin, PLATTE_PUBLIC_URL: publicUrl, PORT: '0' }
    const settings = readSettings(env, ['store', 'pin'])
    second = await startServer(settings, { ...upstream, pin, release: [], timestamp: [], log: () => {} })
  })
  afterAll(() => second.stop())
  // What it reads over HTTP it cannot write, and reboot locks are written.
  const readable = sceneNames.filter((name) => !name.startsWith('locks-'))
  test.each(readable)('%s', (name) => playScene(name, sendOver(second.url)))
})

test('a login page instead of a store is refused, and not offered to machines', async () => {
  const portal = await serve((_, response) => void response.end('<!DOCTYPE html><title>Please log in</title>'))
  for (const command of ['verify', 'show', 'serve']) {
    const { code, talk, out } = await platte([command, '--store', portal.url])
    expect([command, code, out]).toEqual([command, 5, ''])
    expect(talk).toMatch(/^error: (root|catalog)\S*: /)
  }
  await portal.close()
})

test('a package changed in transit is reported by `verify`', async () => {
  const changed = await serve((request, response) => {
    if (request.url?.endsWith('oem-ami.gz')) response.end('other bytes')
    else fileServer(store.publisher, { tags: 'none', ranges: false })(request, response)
  })
  const { code, out } = await platte(['verify', '--store', changed.url])
  expect([code, out]).toEqual([5, expect.stringMatching(/^error: packages\/\S+oem-ami\.gz: has 11 bytes, not 100$/m)])
  await changed.close()
})
