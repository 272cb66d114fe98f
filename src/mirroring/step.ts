/** Mirroring by a schedule: one bounded step at a time; the store itself is the cursor. */

import type { StoreReader } from '../catalog/read.ts'
import { describeError } from '../kernel/log.ts'
import { tokenOfCopy, upstreamDocuments, upstreamPackages } from '../store/http/upstream.ts'
import { type Meter, metered } from './meter.ts'
import { type MirrorMemory, mirror } from './mirror.ts'
import type { Store, Want } from './mirror-pass.ts'

export interface Stepping {
  /** Of the own store. */
  readonly reader: StoreReader
  readonly store: Store
  /** Ends in "/". */
  readonly upstream: string
  readonly packages: Want
  readonly channels: readonly string[] | undefined
}

/** So often both stores are asked in one step: Workers without a plan may 50 times, and a redirect counts. */
const questionsAtMost = 40
/** What is begun may still cost so much: a channel with one package. */
const reserve = 8
/** Nothing is begun after so long. A package that was begun is copied to its end. */
const stepMs = 20_000

/** One step. Never throws: what it did, and what went wrong, is in the log. */
export async function mirrorStep(stepping: Stepping, memory: MirrorMemory): Promise<void> {
  const { reader, store, upstream, packages, channels } = stepping
  const meter: Meter = { used: 0 }
  const until = reader.clock() + stepMs
  const isSpent = (): boolean => meter.used + reserve > questionsAtMost || reader.clock() >= until
  const there = { documents: upstreamDocuments(upstream), packages: upstreamPackages(upstream) }
  try {
    const { absent, ...result } = await mirror(
      { from: { ...reader, ...metered(there, meter) }, to: metered(store, meter), tokenOf: tokenOfCopy },
      { packages, channels, bounds: { packages: 1, isSpent } },
      memory,
    )
    if (result.kind === 'unchanged') return
    reader.log({ level: 'info', event: 'mirror', ...result, absent: absent.length, asked: meter.used })
  } catch (error) {
    reader.log({ level: 'error', event: 'mirror', ...describeError(error) })
  }
}
