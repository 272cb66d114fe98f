/** The policy that a setting names. */
import type { FeatureContext } from '../checks/feature.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { type Policy, parsePolicy } from './policy-document.ts'
import type { PolicySource } from './settings.ts'

const maxPolicyBytes = 256 * 1024

/** @throws PlatteError('configuration') naming the setting or the file, and what is wrong in it. */
export async function readPolicy(source: PolicySource, readText: FeatureContext['readText']): Promise<Policy> {
  try {
    return parsePolicy('text' in source ? source.text : await readText(source.file, maxPolicyBytes))
  } catch (cause) {
    const where = 'text' in source ? 'PLATTE_PUBLISH_POLICY' : source.file
    throw new PlatteError('configuration', `${where}: ${messageOf(cause)}`, { cause })
  }
}
