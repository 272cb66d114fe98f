/** Numbers of the fleet for each scrape: read anew, but never for more than a part of the time. */
import { setTimeout } from 'node:timers/promises'
import type { StoreReader } from '../catalog/read.ts'
import { describeError } from '../kernel/log.ts'
import { readNumbers } from './fleet-numbers.ts'
import type { Known } from './reading.ts'
import type { Family } from './sums.ts'

/** A scrape waits this long for new numbers, then gets those of before. */
const waitMs = 100
/** Of this many parts of the time, reading takes one. */
const parts = 50

/** @returns a function that never throws; without numbers, it logs why once. */
export function fleetScrape(file: string, known: Known, { clock, log }: Pick<StoreReader, 'clock' | 'log'>) {
  let families: readonly Family[] = []
  let reading: Promise<void> | undefined
  let nextAt = Number.NEGATIVE_INFINITY
  let isLogged = false
  const read = async (): Promise<void> => {
    const began = clock()
    try {
      families = [...(await readNumbers(file, began, known)), readAt(began / 1000)]
      isLogged = false
    } catch (error) {
      families = []
      if (!isLogged) log({ level: 'error', event: 'fleet', ...describeError(error, false) })
      isLogged = true
    }
    const ended = clock()
    nextAt = ended + (ended - began) * parts
    reading = undefined
  }
  return async (): Promise<readonly Family[]> => {
    if (reading === undefined && clock() >= nextAt) reading = read()
    await Promise.race([reading, setTimeout(waitMs, undefined, { ref: false })])
    return families
  }
}

const readAt = (seconds: number): Family => ({
  ...{ name: 'platte_fleet_read_timestamp_seconds', help: 'When the numbers of the fleet were read.', labels: [] },
  series: [[[], seconds]],
})
