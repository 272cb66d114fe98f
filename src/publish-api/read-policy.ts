/** The policy that a setting names. */
import type { FeatureContext } from '../checks/feature.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type Policy, parsePolicy } from './policy-document.ts'
import type { PolicySource } from './settings.ts'

const maxPolicyBytes = 256 * 1024

/** @throws PlatteError('configuration') naming the file, and what is wrong in it. */
export async function readPolicy(source: PolicySource, readText: FeatureContext['readText']): Promise<Policy> {
  if ('text' in source) return parsePolicy(source.text)
  const { file } = source
  try {
    return parsePolicy(await readText(file, maxPolicyBytes))
  } catch (cause) {
    throw new PlatteError('configuration', `${file}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
