/**
 * Delivers what happens in groups to their hooks. Events are in the documents of the groups, so a server that ends loses none;
 * a claim there keeps other servers from sending the same.
 */
import type { Extension, Gauge } from '../checks/serving.ts'
import { describeError } from '../kernel/log.ts'
import { repeat } from '../kernel/repeat.ts'
import { groupsWithHooks, type Hooking, lateEvents, openCourier, type Seen } from './courier.ts'
import { hookOf } from './lists.ts'
import { openSchedule } from './schedule.ts'

/** Finds what other processes left in an outbox. */
const lookEveryMs = 60_000
/** Between rounds in which nothing was delivered. */
const [minPauseMs, maxPauseMs] = [5_000, 60_000]

type HookExtension = Extension & { readonly lockHook: NonNullable<Extension['lockHook']> }

export function openHooks({ hooks, ...delivering }: Hooking): HookExtension {
  const { locking, log, by } = delivering
  const { round, counts, seen } = openCourier(delivering)
  const pauses = new Map<string, number>()
  const work = async (group: string): Promise<number> => {
    const hook = hookOf(hooks, group)
    if (hook === undefined) return Number.POSITIVE_INFINITY
    const next = await round(group, hook).catch((error: unknown) => {
      log({ level: 'warn', event: 'lock-hook', group, ...describeError(error) })
      return 'failed' as const
    })
    const pauseMs = Math.min(maxPauseMs, (pauses.get(group) ?? minPauseMs / 2) * 2)
    if (next === 'failed') pauses.set(group, pauseMs)
    else pauses.delete(group)
    return next === 'failed' ? pauseMs : next
  }
  const { wake, close } = openSchedule(work)
  const look = async (): Promise<void> => {
    for (const group of await groupsWithHooks(locking, hooks)) wake(group)
  }
  const stopLooking = repeat(look, lookEveryMs)
  void look()
  return {
    name: 'lock-hooks',
    lockHook: { claim: (group) => hookOf(hooks, group) && by, wake },
    gauges: async () => gaugesOf(counts, seen),
    problems: async () => lateEvents(seen, locking.clock()),
    close: async () => {
      await stopLooking()
      await close()
    },
  }
}

function gaugesOf(counts: Readonly<Record<string, number>>, seen: ReadonlyMap<string, Seen>): readonly Gauge[] {
  const byGroup = (read: (one: Seen) => number) => new Map([...seen].map(([group, one]) => [group, read(one)]))
  return [
    {
      ...{
        name: 'platte_lock_hook_events',
        help: 'Events of reboot locks for hooks since the start.',
        label: 'outcome',
      },
      values: new Map(Object.entries(counts)),
    },
    {
      ...{
        name: 'platte_lock_hook_waiting',
        help: 'Events of a group that its hook did not take yet.',
        label: 'group',
      },
      values: byGroup(({ entries }) => entries.length),
    },
  ]
}
