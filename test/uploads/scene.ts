/** A store that takes uploads, files, and a pipeline that sends them. */
import { createHash } from 'node:crypto'
import { packageFolder } from '../../src/documents/paths.ts'
import type { Uploading, UploadOrder } from '../../src/publish-api/upload-records.ts'
import {
  type Completed,
  completeUpload,
  type OpenedUpload,
  openUploads,
  takePart,
} from '../../src/publish-api/uploads.ts'
import { sample } from '../conformance/rows.ts'
import { memoryUploads } from '../memory.ts'
import { payloadOfSize } from '../payloads.ts'
import { app, newStore, type TestStore } from '../world.ts'

export interface File {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface UploadScene extends TestStore {
  readonly uploading: Uploading
}

export const partBytes = 1000

/** @param parts what the store is made of. */
export async function uploadScene(parts: Parameters<typeof newStore>[0] = {}): Promise<UploadScene> {
  const store = await newStore(parts)
  const uploads = memoryUploads({ clock: () => store.time.now, partBytes })
  return { ...store, uploading: { ...store.publisher, uploads } }
}

const digest = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex')

export const announced = ({ name, bytes }: File): UploadOrder['packages'][number] => ({
  name,
  size: bytes.length,
  sha256: digest('sha256', bytes),
  sha1: digest('sha1', bytes),
})

const payload = (size: number, seed: number) => new Uint8Array(payloadOfSize(size, sample(size, seed)))

/** Two and a half parts, and one that is smaller than a part. */
export const files: readonly [File, File] = [
  { name: 'update.gz', bytes: payload(2500, 21) },
  { name: 'oem.gz', bytes: sample(10, 22) },
]

/** What a pipeline asks for. */
export function orderOf(wanted: readonly File[] = files, more: Partial<UploadOrder> = {}): UploadOrder {
  return { app, channel: 'stable', version: '2', board: 'amd64-usr', packages: wanted.map(announced), ...more }
}

/** Where the packages of an order are, in its order. */
export const keysOf = (order: UploadOrder): readonly string[] =>
  order.packages.map(({ name }) => packageFolder(order, order.packages) + name)

export const bodyOf = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes.slice())
      controller.close()
    },
  })

export type Missing = Extract<OpenedUpload, { readonly kind: 'missing' }>

/** Opens the uploads of an order, of which all are missing. */
export async function openMissing(uploading: Uploading, order = orderOf()): Promise<readonly Missing[]> {
  return (await openUploads(uploading, order)).map((one) => {
    if (one.kind === 'there') throw new Error(`${one.name} is there`)
    return one
  })
}

export const partOf = ({ bytes }: File, { partSize }: Missing, number: number): Uint8Array =>
  bytes.slice((number - 1) * partSize, number * partSize)

/** Sends the parts that are asked for. */
export async function sendParts(uploading: Uploading, upload: Missing, file: File): Promise<void> {
  for (const { number, size } of upload.parts)
    await takePart(uploading, upload.id, { number, size, body: bodyOf(partOf(file, upload, number)) })
}

/** Uploads everything, once. @returns what became of each file; `there` for what needed nothing. */
export async function uploadAll(
  uploading: Uploading,
  sent: readonly File[] = files,
  order = orderOf(sent),
): Promise<readonly (Completed['kind'] | 'there')[]> {
  const outcomes: (Completed['kind'] | 'there')[] = []
  for (const [i, one] of (await openUploads(uploading, order)).entries()) {
    const file = sent[i]
    if (file === undefined) throw new Error('more uploads than files')
    if (one.kind === 'missing') await sendParts(uploading, one, file)
    outcomes.push(one.kind === 'there' ? 'there' : (await completeUpload(uploading, one.id)).kind)
  }
  return outcomes
}

export async function stored({ packages }: Pick<TestStore, 'packages'>, key = ''): Promise<Uint8Array | undefined> {
  const open = await packages.open(key)
  return open && new Uint8Array(await new Response(open.body).arrayBuffer())
}
