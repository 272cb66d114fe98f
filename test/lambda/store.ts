/** A strict S3 with the store of the scenes in it, and the variables of a function that answers from there. */
import { vi } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { type StrictS3, startS3 } from '../s3/server.ts'
import { makeSceneStore, publicUrl, type SceneStore } from '../scenes/fixture.ts'

export interface BucketStore extends SceneStore {
  readonly s3: StrictS3
  /** What is set for a function without a timestamp key, beside the credentials of `s3.env`. */
  readonly env: Readonly<Record<string, string>>
}

/** @param clock when it was published. */
export async function startBucketStore(clock?: () => number): Promise<BucketStore> {
  const s3 = await startS3()
  useCredentials(s3)
  const client = await openStrict(s3)
  const store = await makeSceneStore(s3Documents(client), s3Packages(client, nodeHasher), clock)
  vi.unstubAllEnvs()
  const env = { PLATTE_STORE: s3.setting, PLATTE_ROOT: store.pin, PLATTE_PUBLIC_URL: publicUrl }
  return { ...store, s3, env }
}
