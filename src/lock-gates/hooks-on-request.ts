/** Hooks where nothing runs between requests, on Workers and Lambda: a request delivers what it did, and a schedule what is left. */
import type { Extension } from '../checks/serving.ts'
import type { Instant } from '../kernel/clock.ts'
import { describeError } from '../kernel/log.ts'
import { inParallel } from '../kernel/parallel.ts'
import { claimMs } from '../locks/outbox.ts'
import { groupsWithHooks, type Hooking, lateEvents, openCourier } from './courier.ts'
import { hookOf } from './lists.ts'

/** No round begins later than this: with the longest one, a run ends within the 30 seconds of Workers and of the function. */
const lastRoundMs = 5_000
/** A machine waits for its hook for this long, where the runtime has no background. */
const waitMs = 5_000
/** A process that ran for a request long ago does not know what others delivered since. */
const freshMs = 10 * 60_000
const atOnce = 8

export function openHooks({ hooks, ...delivering }: Hooking): Extension {
  const { locking, log, by } = delivering
  const { clock } = locking
  const { round, seen } = openCourier(delivering)
  // Requests share data, and never a promise. One that was ended leaves its note behind.
  const busy = new Map<string, Instant>()
  const again = new Set<string>()
  const isBusy = (group: string): boolean => Math.abs(clock() - (busy.get(group) ?? -Infinity)) <= 2 * claimMs

  const deliver = async (group: string, until = clock() + lastRoundMs): Promise<void> => {
    const hook = hookOf(hooks, group)
    if (hook === undefined || clock() > until) return
    if (isBusy(group)) return void again.add(group)
    try {
      let next: number | 'failed'
      do {
        again.delete(group)
        busy.set(group, clock())
        next = await round(group, hook)
      } while ((next === 0 || again.has(group)) && clock() <= until)
    } catch (error) {
      log({ level: 'warn', event: 'lock-hook', group, ...describeError(error) })
    } finally {
      busy.delete(group)
    }
  }
  return {
    name: 'lock-hooks',
    lockHook: {
      claim: (group) => hookOf(hooks, group) && by,
      async wake(group, background) {
        const work = deliver(group)
        if (background) background(work)
        else await Promise.race([work, new Promise((resolve) => setTimeout(resolve, waitMs))])
      },
    },
    async onTick(most) {
      const [groups, until] = [await groupsWithHooks(locking, hooks), clock() + lastRoundMs]
      const first = Math.floor(locking.random() * groups.length)
      const turn = Array.from({ length: Math.min(most, groups.length) }, (_, i) => groups[(first + i) % groups.length])
      await inParallel(turn, atOnce, (group = '') => deliver(group, until))
    },
    problems: async () => lateEvents(seen, clock(), freshMs),
  }
}
