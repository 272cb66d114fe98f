/** Opens the strict S3 as the runtime opens a bucket. */
import { vi } from 'vitest'
import { parseStore } from '../../src/runtime/own-settings.ts'
import { openS3, type S3, type S3Options } from '../../src/store/s3/client.ts'
import type { StrictS3 } from './server.ts'

/** The SDK reads them from the environment, and nowhere else here; `vi.unstubAllEnvs` puts back what was there. */
export function useCredentials({ env }: Pick<StrictS3, 'env'>): void {
  const none = { AWS_SESSION_TOKEN: undefined, AWS_PROFILE: undefined, AWS_REGION: undefined }
  const all = { ...none, AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nonexistent', ...env }
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value)
}

/** @param setting as PLATTE_STORE takes it. */
export async function openStrict(
  { setting }: Pick<StrictS3, 'setting'>,
  options: Partial<S3Options> = {},
): Promise<S3> {
  const ref = parseStore(setting)
  if (ref.kind !== 's3') throw new Error(`${setting} is no bucket`)
  return await openS3(ref, { random: () => 0, ...options })
}
