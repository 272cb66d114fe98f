/**
 * What keeps a group: the bucket, or a driver that the group's stub in the bucket names. Every server looks at the bucket
 * first, and only a write with a condition there moves a group, so that no two drivers grant at once. A crash at any point
 * leaves a state from which a server with the driver goes on, or the same command.
 */
import { encode } from '../catalog/read.ts'
import { lockKey } from '../documents/paths.ts'
import { update } from '../store/update.ts'
import type { Lock, LockStub } from './document.ts'
import { type Locking, NoGroup, nonceOf, readStored } from './store.ts'

export const drivers = ['bucket', 'durable-object'] as const
export type Driver = (typeof drivers)[number]

/** `leaves` and `returns`: the next request to a server with the driver completes the move. */
export interface Placement {
  readonly driver: Driver
  readonly state: 'kept' | 'leaves' | 'returns'
}

const placementOf = (found: Lock | LockStub): Placement => {
  if (found.type === 'lock') return { driver: 'bucket', state: 'kept' }
  return { driver: found.driver, state: found.lock ? 'leaves' : found.back ? 'returns' : 'kept' }
}

/** @throws NoGroup; as `readStored`. */
export async function placeOf(locking: Locking, group: string): Promise<Placement> {
  const stored = await readStored(locking, group)
  if (stored === undefined) throw new NoGroup(group)
  return placementOf(stored.found)
}

/** Starts to move a group, or takes a move back that no server has acted upon. @throws as `placeOf` and `update`. */
export const moveGroup = (locking: Locking, group: string, to: Driver): Promise<Placement> => {
  const key = lockKey(group)
  const attempt = async () => {
    const stored = await readStored(locking, group)
    if (stored === undefined) throw new NoGroup(group)
    const { found, token } = stored
    const wanted = moved(found, to, nonceOf(locking.random))
    const result = placementOf(wanted)
    return wanted === found ? { result } : { result, write: { key, bytes: encode(wanted), token } }
  }
  return update(locking, key, attempt, { recognisesItself: true })
}

function moved(found: Lock | LockStub, to: Driver, move: string): Lock | LockStub {
  if (found.type === 'lock')
    return to === 'bucket' ? found : { format: 1, type: 'lock-stub', group: found.group, driver: to, move, lock: found }
  if (to === 'bucket') return found.lock ?? { ...found, back: true }
  const { back, ...kept } = found
  return back ? kept : found
}
