/** A bucket that wrangler simulates, from outside of the Worker that it is bound to. */
import type { R2Bucket } from '@cloudflare/workers-types'
import type { Publisher } from '../../src/channels/publish.ts'

const cap = 2 ** 20

/** Copies what is not there yet, as an operator would who publishes into a folder and copies that. */
export async function fillBucket(
  bucket: R2Bucket,
  { documents, packages }: Pick<Publisher, 'documents' | 'packages'>,
): Promise<void> {
  const onlyIf = { etagDoesNotMatch: '*' }
  for await (const key of documents.list?.('') ?? []) {
    const { bytes } = (await documents.get(key, cap)) ?? {}
    if (bytes) await bucket.put(key, bytes, { onlyIf })
  }
  for await (const key of packages.list?.('') ?? [])
    await bucket.put(key, await new Response((await packages.open(key))?.body).arrayBuffer(), { onlyIf })
}
