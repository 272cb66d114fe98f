import {
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3'
import type { S3 } from './client.ts'

/** Keys without the prefix of the bucket, in byte order. */
export async function* listKeys(s3: S3, keyPrefix: string): AsyncIterable<string> {
  for await (const { Contents } of pagesOf(s3, { Prefix: s3.prefix + keyPrefix }))
    for (const { Key } of Contents ?? []) if (Key !== undefined) yield Key.slice(s3.prefix.length)
}

export async function* listFolders(s3: S3, folder: string): AsyncIterable<string> {
  const above = s3.prefix + folder
  for await (const { CommonPrefixes } of pagesOf(s3, { Prefix: above, Delimiter: '/' }))
    for (const { Prefix } of CommonPrefixes ?? []) if (Prefix !== undefined) yield Prefix.slice(above.length, -1)
}

async function* pagesOf(
  s3: S3,
  input: Pick<ListObjectsV2CommandInput, 'Prefix' | 'Delimiter'>,
): AsyncIterable<ListObjectsV2CommandOutput> {
  let token: string | undefined
  do {
    const command = new ListObjectsV2Command({ ...input, Bucket: s3.bucket, ContinuationToken: token })
    const page = await s3
      .twice((abortSignal) => s3.client.send(command, { abortSignal }))
      .catch((error: unknown) => {
        throw s3.explain(error, (input.Prefix ?? '').slice(s3.prefix.length), 'list')
      })
    yield page
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}
