/** The group and the zone that the name of a group stands for. */
import { isGroupName, isZoneName } from '../documents/paths.ts'
import type { Lock } from './document.ts'
import { type Locking, OtherDriver, readLock } from './store.ts'

/** `web.a` may be zone `a` of group `web`. */
export function splitZone(name: string): { readonly group: string; readonly zone: string } | undefined {
  const dot = name.lastIndexOf('.')
  const [group, zone] = [name.slice(0, Math.max(dot, 0)), name.slice(dot + 1)]
  return isGroupName(group) && isZoneName(zone) ? { group, zone } : undefined
}

/** The group that a machine names, and its zone where the name of a group that is not there ends in one. */
export async function resolveGroup(
  { documents }: Pick<Locking, 'documents'>,
  name: string,
): Promise<{ readonly group: string; readonly zone?: string }> {
  const parts = splitZone(name)
  if (parts === undefined || (await peek({ documents }, name)) !== undefined) return { group: name }
  const base = await peek({ documents }, parts.group)
  return base === 'elsewhere' || base?.policy.zones?.bySuffix ? parts : { group: name }
}

/** What works on a group that another driver keeps meets the error again, and answers it. */
async function peek(locking: Pick<Locking, 'documents'>, group: string): Promise<Lock | 'elsewhere' | undefined> {
  try {
    return (await readLock(locking, group))?.lock
  } catch (error) {
    if (error instanceof OtherDriver) return 'elsewhere'
    throw error
  }
}
