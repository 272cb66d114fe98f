/** What somebody meant who typed something else. */
import { closest, distance } from 'fastest-levenshtein'

/** @returns the nearest of `known`; `undefined` where none is near. */
export function nearestOf(typed: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const nearest = closest(typed, known)
  const isPart = typed.length >= 3 && (nearest.startsWith(typed) || typed.startsWith(nearest))
  return isPart || distance(typed, nearest) <= nearest.length / 2 ? nearest : undefined
}
