/** Keys in variables, on every runtime. Nothing here prints or logs what a variable holds. */
import { PlatteError } from '../kernel/errors.ts'
import type { Environment } from '../kernel/setting.ts'
import { parsePrivateKey, type Signer } from '../trust/keys.ts'

/** Loads the private key that a variable holds. @throws PlatteError('credentials') naming the variable. */
export async function loadEnvSigner(variable: string, env: Environment): Promise<Signer> {
  const text = env[variable]
  if (text === undefined || text === '')
    throw new PlatteError('credentials', `env://${variable}: there is no such variable`, {
      hint: `set ${variable} to the key as one JWK, or correct PLATTE_TIMESTAMP_KEY or PLATTE_RELEASE_KEY`,
    })
  return parsePrivateKey(text, `env://${variable}`)
}
