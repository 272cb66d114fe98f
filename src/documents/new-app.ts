/** An app that a change would make. Pure. */
import type { Catalog } from './catalog.ts'

const namedAtMost = 12

/** Says that an app is not there, though others are: more often a slip than wanted. */
export function newAppText({ apps }: Catalog, app: string): string | undefined {
  const known = Object.keys(apps)
  if (Object.hasOwn(apps, app) || known.length === 0) return undefined
  const there = known.slice(0, namedAtMost).join(', ') + (known.length > namedAtMost ? ', …' : '')
  return `${app} is a new app; the store has ${there}`
}
