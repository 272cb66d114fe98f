/** The policy that a setting names, on a machine with files. */
import { readFile, stat } from 'node:fs/promises'
import { type Policy, parsePolicy } from '../documents/policy.ts'
import { PlatteError } from '../errors.ts'
import type { PolicyPlace } from './setting-values.ts'

const maxPolicyBytes = 256 * 1024

/** @throws PlatteError('configuration') naming the file, and what is wrong in it. */
export async function readPolicy(place: PolicyPlace): Promise<Policy> {
  if ('text' in place) return parsePolicy(place.text)
  const { file } = place
  try {
    if ((await stat(file)).size > maxPolicyBytes) throw new Error(`it has more than ${maxPolicyBytes} bytes`)
    return parsePolicy(await readFile(file, 'utf8'))
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new PlatteError('configuration', `${file}: ${words}`, { cause })
  }
}
