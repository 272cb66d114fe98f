/** Reboot locks over the store of the pages: holders of every kind, a queue with reasons, and texts that would break a page. */
import type { Extension } from '../../src/checks/serving.ts'
import { openLockQueue } from '../../src/lock-queue/extension.ts'
import type { Queue } from '../../src/lock-queue/queue.ts'
import { configureGroup, createGroup, lockMachine, setMax, unlockMachine } from '../../src/locks/edits.ts'
import { openLocks } from '../../src/locks/http/routes.ts'
import { parseLockTokens } from '../../src/locks/settings.ts'
import type { Locking } from '../../src/locks/store.ts'
import { locksSiteFeature } from '../../src/locks-site/feature.ts'
import { sitePages } from '../../src/site/feature.ts'
import type { TestStore } from '../world.ts'
import { serve } from './store.ts'

export const adminToken = 'a-token-of-an-operator'
export const readToken = 'a-token-to-look-with'
export const machineToken = 'a-token-of-machines'
const tokens = parseLockTokens(
  `admin:workers:alice=${adminToken},read:${adminToken},read:${readToken},lock:racks:${machineToken}`,
)
export const fleetToken = 'a-token-of-the-fleet'

/** Longer than any real id, and hostile. */
export const hostileId = `"><script>alert(1)</script>&'${'W'.repeat(200)}`
const minute = 60_000

export const lockingOf = ({ publisher, bucket }: TestStore): Locking => ({ ...publisher, documents: bucket })

/** Fills groups `workers` and `racks`; `time` ends where it began. */
export async function makeGroups(store: TestStore): Promise<void> {
  const locking = lockingOf(store)
  const { time } = store
  const end = time.now
  time.now = end - 400 * minute
  for (const group of ['workers', 'racks']) await createGroup(locking, group, 4, 'operator')
  const take = (id: string, via: 'locksmith' | 'fleet-lock' | 'operator') =>
    lockMachine(locking, 'workers', { id, via })
  await configureGroup(locking, 'workers', ({ max }) => ({ max, policy: { lease: 'PT4H', soak: 'PT30M' } }))
  await take('0123456789abcdef0123456789abcdef', 'locksmith')
  time.now = end - 30 * minute
  await take(hostileId, 'fleet-lock')
  await take('fedcba9876543210fedcba9876543210', 'fleet-lock')
  await unlockMachine(locking, 'workers', { id: 'fedcba9876543210fedcba9876543210', via: 'fleet-lock' })
  await setMax(locking, 'workers', 3)
  time.now = end
}

/** Machines of `workers` that got no slot. */
function fillQueue(queue: Queue, now: number): void {
  const note = (id: string, minutesAgo: number, reason: string, words?: string) =>
    queue.note(
      { what: 'refused', group: 'workers', id, via: 'fleet-lock', reason, ...(words !== undefined && { words }) },
      now - minutesAgo * minute,
    )
  note('aaaabbbbccccddddaaaabbbbccccdddd', 40, 'full')
  note('aaaabbbbccccddddaaaabbbbccccdddd', 2, 'soak', 'a machine came back; its slot is free in 4 min')
  note(hostileId.replace('W', 'V'), 25, 'full')
  note('gone-for-hours', 300, 'window', 'window closed until 2026-11-24 21:00 UTC')
  queue.note(
    { what: 'refused', group: 'workers', id: '2001:db8::7', isAddress: true, via: 'locksmith', reason: 'full' },
    now - minute,
  )
}

/** Serves pages, locks and their page, in this process. */
export async function serveLocks(
  store: TestStore,
  more: Parameters<typeof serve>[1] & {
    readonly locking?: Locking
    readonly tokens?: typeof tokens
    readonly hasFleet?: false
    /** Beside those of locks. */
    readonly others?: readonly Extension[]
  } = {},
) {
  const { locking = lockingOf(store), tokens: lockTokens = tokens, hasFleet, others = [], ...serving } = more
  const lockQueue = openLockQueue({ ...locking, log: store.publisher.log })
  fillQueue(lockQueue.queue, store.time.now)
  const reader = { ...store.publisher, documents: locking.documents }
  const settings = { locks: 'on', lockTokens, ...(hasFleet === undefined && { fleetToken }) } as const
  const page = await locksSiteFeature.open(settings, { reader, random: locking.random })
  const locks = openLocks({ locking, tokens: lockTokens, channels: new Map() })
  return serve(store, { extensions: [sitePages, locks, lockQueue, ...(page ? [page] : []), ...others], ...serving })
}
