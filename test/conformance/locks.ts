/** Reboot locks over a store that many share: machines whose requests meet in processes with nothing else in common. */
import { systemClock } from '../../src/kernel/clock.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { createGroup, lockMachine, unlockMachine } from '../../src/locks/edits.ts'
import { type Locking, readLock } from '../../src/locks/store.ts'
import type { Documents } from '../../src/store/documents.ts'
import { type At, type Row, same } from './rows.ts'

/** A client of its own. */
export type NewClient = () => Documents | Promise<Documents>

const machines = 30
const slots = 3
const rebooting = 8

export const lockRows: readonly Row<NewClient>[] = [
  {
    name: `of ${machines} machines that ask at once exactly ${slots} get the ${slots} slots`,
    run: async (newClient, at) => {
      const group = groupOf(at)
      const all = await processes(newClient, machines)
      await createGroup(first(all), group, slots, 'operator')
      const request = all.map((locking, i) => lockMachine(locking, group, { id: `m${i}`, via: 'fleet-lock' }))
      const kinds = (await Promise.all(request)).map(({ result }) => result.kind)
      same(kinds.filter((kind) => kind === 'locked').length, slots, 'slots that were given')
      same(kinds.filter((kind) => kind === 'full').length, machines - slots, 'machines that wait')
      for (const locking of all) same((await holdersOf(locking, group)).length, slots, 'holders that each of them sees')
    },
  },
  {
    name: `${rebooting} machines take turns in 2 slots until each has rebooted`,
    run: async (newClient, at) => {
      const group = groupOf(at)
      const all = await processes(newClient, rebooting)
      await createGroup(first(all), group, 2, 'operator')
      let [holding, most] = [0, 0]
      const reboot = async (locking: Locking, id: string): Promise<void> => {
        while ((await lockMachine(locking, group, { id, via: 'fleet-lock' })).result.kind !== 'locked') await tick()
        holding += 1
        most = Math.max(most, holding)
        await tick()
        holding -= 1
        same((await unlockMachine(locking, group, { id, via: 'fleet-lock' })).result, 'unlocked', `unlock of ${id}`)
      }
      await Promise.all(all.map((locking, i) => reboot(locking, `m${i}`)))
      same(most <= 2, true, `${most} at once are no more than 2`)
      same(await holdersOf(first(all), group), [], 'holders that are left')
    },
  },
]

/** Of the scratch keys only their names: locks have a folder of their own. */
const groupOf = (at: At): string => at(`${Math.floor(systemRandom() * 2 ** 40)}`).replaceAll('/', '-')

const processes = (newClient: NewClient, count: number): Promise<readonly Locking[]> =>
  Promise.all(
    Array.from({ length: count }, async () => ({
      documents: await newClient(),
      clock: systemClock,
      random: systemRandom,
    })),
  )

function first(all: readonly Locking[]): Locking {
  const [one] = all
  if (one === undefined) throw new Error('there is no process')
  return one
}

const holdersOf = async (locking: Locking, group: string): Promise<readonly string[]> =>
  ((await readLock(locking, group))?.lock.holders ?? []).map(({ id }) => id)

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
