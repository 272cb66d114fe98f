/** Opens the strict S3 as the runtime opens a bucket. */
import { openS3, type S3, type S3Options } from '../../src/adapters/s3-client.ts'
import { parseStore } from '../../src/runtime/store-setting.ts'
import type { StrictS3 } from './server.ts'

/** The SDK reads them from the environment, and nowhere else here. @returns what puts the old ones back. */
export function useCredentials({ env }: Pick<StrictS3, 'env'>): () => void {
  const before = { ...process.env }
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', ...env })
  return () => {
    process.env = before
  }
}

/** @param setting as PLATTE_STORE takes it. */
export async function openStrict(
  { setting }: Pick<StrictS3, 'setting'>,
  options: Partial<S3Options> = {},
): Promise<S3> {
  const place = parseStore(setting)
  if (place.kind !== 's3') throw new Error(`${setting} is no bucket`)
  return await openS3(place, { random: () => 0, ...options })
}
