/** The option that says what a machine runs. */
import { InvalidArgumentError } from 'commander'
import { parseVersion } from '../release/version.ts'

/** @throws InvalidArgumentError for a text that sorts below every version, as if the machine were the oldest. */
export function parseRunning(text: string): string {
  if (parseVersion(text) !== undefined) return text
  throw new InvalidArgumentError('Use a version such as 4081.2.0; 0 stands for a machine that sends another text.')
}
