/** Asks before a change reaches more machines at once than before it. */
import { createInterface } from 'node:readline/promises'
import { PlatteError } from '../kernel/errors.ts'
import { environmentOf, type Options } from './options.ts'
import { notice } from './terminal.ts'

export type Confirmable = Options & { readonly yes?: boolean }

export const yesOption = ['-y, --yes', 'reach more machines at once without a question [PLATTE_YES=1]'] as const

/** Whether `confirm` lets everything pass: nobody need find out what a change reaches. */
export const isConfirmed = (options: Confirmable): boolean =>
  options.yes === true || environmentOf(options).PLATTE_YES === '1'

const isTerminal = (): boolean => process.stdin.isTTY && process.stderr.isTTY

/** Whether `confirm` asks somebody. */
export const isQuestion = (reach: readonly string[], options: Confirmable): boolean =>
  reach.length > 0 && !isConfirmed(options) && isTerminal()

/**
 * @param reach what the change reaches, in sentences; none: nothing is asked.
 * @param isBrake whether it withholds a release: a script that stops one goes on.
 * @throws PlatteError('usage') naming the flag, without a terminal; 'refused' for another answer than yes.
 */
export async function confirm(reach: readonly string[] = [], options: Confirmable, isBrake = false): Promise<void> {
  if (reach.length === 0 || isConfirmed(options)) return
  if (isTerminal()) {
    for (const sentence of reach) notice(`warning: ${sentence}`)
    if (await isYes('Go on? [y/N] ')) return
    throw new PlatteError('refused', 'not confirmed: nothing was written')
  }
  if (isBrake) return
  throw new PlatteError('usage', `not confirmed, so nothing was written: ${reach.join('; ')}`, {
    hint: 'add --yes, or set PLATTE_YES=1 for scripts; --dry-run shows the change',
  })
}

/** Ctrl-C and the end of input are no. */
async function isYes(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const closed = new Promise<string>((done) => lines.once('close', () => done('')))
  const answer = await Promise.race([lines.question(question).catch(() => ''), closed])
  lines.close()
  return /^y(es)?$/i.test(answer.trim())
}
