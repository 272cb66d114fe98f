/** What a row of the table is. */

export interface Result {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Against `against`, and its 95 % interval. */
  readonly ratio?: number
  readonly low?: number
  readonly high?: number
  readonly against?: string
  /** For people: what it should be, and whether it is. */
  readonly goal?: Goal
}

export interface Goal {
  readonly text: string
  readonly met: boolean
}

export interface RunOptions {
  /** How long each load loop runs. */
  readonly seconds: number
  /** Pairs of one run of each kind, for what is too slow for a loop. */
  readonly pairs: number
  /** Of the fleet, where a row takes another number than its own. */
  readonly machines?: number | undefined
}

export interface Row {
  readonly name: string
  /** Left out by `--quick`. */
  readonly isLong?: boolean
  readonly run: (options: RunOptions) => Promise<readonly Result[]>
}

export const atLeast = (value: number, least: number): Goal => ({ text: `≥ ${least}`, met: value >= least })
export const atMost = (value: number, most: number): Goal => ({ text: `≤ ${most}`, met: value <= most })
