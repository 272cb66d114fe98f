/** Races of writers on a document store. */
import type { Documents } from '../store/documents.ts'
import { created, holds, type StoreCheck, same, text } from './checks.ts'

/** A store without atomic writes can pass one round by chance, but not this many. */
const rounds = 5

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n)

/** In each round one of `racers` creates wins, and the others see that they lost. */
export const racingCreates =
  (racers: number): StoreCheck<Documents>['run'] =>
  async (store, at) => {
    for (let round = 0; round < rounds; round++) {
      const key = at(`${round}.jws`)
      const outcomes = await Promise.all(range(racers).map((n) => store.create(key, text(`create ${n}`))))
      const counts = ['created', 'taken', 'same'].map((kind) => outcomes.filter((outcome) => outcome === kind).length)
      same(counts, [1, racers - 1, 0], 'how many creates were created, taken, same')
      await holds(store, key, text(`create ${outcomes.indexOf('created')}`))
    }
  }

/** In each round one of `racers` swaps with the same token wins, and the others see that they lost. */
export const racingSwaps =
  (racers: number): StoreCheck<Documents>['run'] =>
  async (store, at) => {
    for (let round = 0; round < rounds; round++) {
      const key = at(`${round}.jws`)
      const token = await created(store, key, text('first'))
      const outcomes = await Promise.all(range(racers).map((n) => store.swap(key, text(`swap ${n}`), token)))
      same(outcomes.filter((outcome) => outcome === 'ok').length, 1, 'how many swaps won')
      await holds(store, key, text(`swap ${outcomes.indexOf('ok')}`))
    }
  }

export const raceChecks: readonly StoreCheck<Documents>[] = [
  {
    name: 'of 8 racing creates exactly one wins',
    otherwise: 'pipelines that publish at the same moment would silently lose releases',
    run: racingCreates(8),
  },
  {
    name: 'of 8 racing swaps exactly one wins',
    otherwise: 'pipelines that publish at the same moment would overwrite each other’s catalog entries',
    run: racingSwaps(8),
  },
]
