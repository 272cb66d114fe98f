/** Sends packages to a publish function, in parts, and goes on where an earlier run ended. */

import { PlatteError } from '../../kernel/errors.ts'
import type { Package } from '../../release/channel.ts'
import { sliceOf } from '../../runtime/files.ts'
import { callFunction } from '../client/ask-function.ts'
import type { Endpoint } from './endpoint.ts'

/** Parts sent at once. */
const partsAtOnce = 3
/** How often the endpoint is asked what is left: it names 1,000 parts at once, and parts may get lost. */
const roundsAtMost = 50
/** Reading what was sent may take longer than a gateway waits. */
const completeAttempts = 40

/** Files and what they are said to be, in the same order. */
export interface Announced {
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly packages: readonly Package[]
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

/**
 * Sends what is missing.
 * @param files by name.
 * @param onBytes is told of every part that arrived.
 * @throws PlatteError as the endpoint refuses; 'mismatch' where other bytes arrived.
 */
export async function uploadAll(
  endpoint: Endpoint,
  announced: Announced,
  { files, onBytes }: { readonly files: ReadonlyMap<string, string>; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  const packages = announced.packages.map(({ name, size, sha256, sha1 }) => ({ name, size, sha256, sha1 }))
  for (let round = 0; round < roundsAtMost; round++) {
    const order = { ...announced, packages }
    const { packages: opened } = await endpoint.post<{ readonly packages: readonly Opened[] }>('/v1/uploads', order)
    const missing = opened.filter((one) => one.kind === 'missing')
    if (missing.length === 0) return
    for (const one of missing) await sendOne(endpoint.url, one, { file: files.get(one.name) ?? '', onBytes })
  }
  throw new PlatteError('store-unavailable', `upload did not finish after ${roundsAtMost} rounds`, {
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
    // It was swept, or parts are missing: the next round says what is left.
    if (!(error instanceof PlatteError && ['configuration', 'conflict'].includes(error.code))) throw error
  }
}
