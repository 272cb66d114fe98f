/** Sends packages to a publish function in parts, and continues an earlier run. */

import type { AnnouncedUpload, Sending } from '../../cli/options.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { sliceOf } from '../../runtime/files.ts'
import { callFunction } from '../client/ask-function.ts'

/** Parts sent at once. */
const partsAtOnce = 3
/** The endpoint names 1,000 missing parts a round, and parts may get lost. */
const maxRounds = 50
/** Reading an upload may take longer than a gateway waits. */
const completeAttempts = 40

/** Where uploads go. */
interface UploadEndpoint {
  /** Without a "/" at the end. */
  readonly url: string
  /** Announces packages. */
  open(body: object): Promise<{ readonly packages: readonly Opened[] }>
}

type Opened =
  | { readonly name: string; readonly kind: 'there' }
  | {
      readonly name: string
      readonly kind: 'missing'
      readonly id: string
      readonly partSize: number
      readonly parts: readonly { readonly number: number; readonly size: number; readonly url: string }[]
    }

/** Uploads what the endpoint lacks. @throws PlatteError as `Endpoint` of the command line. */
export async function uploadAll(
  endpoint: UploadEndpoint,
  announced: AnnouncedUpload,
  { files, onBytes }: Sending,
): Promise<void> {
  const packages = announced.packages.map(({ name, size, sha256, sha1 }) => ({ name, size, sha256, sha1 }))
  for (let round = 0; round < maxRounds; round++) {
    const { packages: opened } = await endpoint.open({ ...announced, packages })
    const missing = opened.filter((one) => one.kind === 'missing')
    if (missing.length === 0) return
    for (const one of missing) await sendOne(endpoint.url, one, { file: files.get(one.name) ?? '', onBytes })
  }
  throw new PlatteError('store-unavailable', `upload did not finish after ${maxRounds} rounds`, {
    hint: 'run the same command again',
  })
}

async function sendOne(
  endpoint: string,
  { id, partSize, parts }: Extract<Opened, { readonly kind: 'missing' }>,
  { file, onBytes }: { readonly file: string; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  const left = [...parts]
  const sendNext = async (): Promise<void> => {
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      const { number, size, url } = part
      const body = await sliceOf(file, (number - 1) * partSize, size)
      await callFunction({ url: new URL(url, `${endpoint}/`).href, method: 'PUT', body })
      onBytes(size)
    }
  }
  await Promise.all(Array.from({ length: partsAtOnce }, sendNext))
  try {
    const url = `${endpoint}/v1/uploads/${id}/complete`
    await callFunction({ url, attempts: completeAttempts })
  } catch (error) {
    // Swept, or parts are missing: the next round sends the rest.
    if (!(error instanceof PlatteError && ['configuration', 'conflict'].includes(error.code))) throw error
  }
}
