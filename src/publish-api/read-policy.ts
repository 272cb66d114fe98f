/** The policy that a setting names, on a machine with files. */
import { readFile, stat } from 'node:fs/promises'
import { PlatteError } from '../kernel/errors.ts'
import type { PolicySource } from '../runtime/setting-values.ts'
import { type Policy, parsePolicy } from './policy-document.ts'

const maxPolicyBytes = 256 * 1024

/** @throws PlatteError('configuration') naming the file, and what is wrong in it. */
export async function readPolicy(source: PolicySource): Promise<Policy> {
  if ('text' in source) return parsePolicy(source.text)
  const { file } = source
  try {
    if ((await stat(file)).size > maxPolicyBytes) throw new Error(`it has more than ${maxPolicyBytes} bytes`)
    return parsePolicy(await readFile(file, 'utf8'))
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new PlatteError('configuration', `${file}: ${words}`, { cause })
  }
}
