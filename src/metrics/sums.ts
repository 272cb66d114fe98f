/** Numbers by labels. Texts are those of clients: the largest numbers keep their names, and the rest counts as `other`. */

/** Numbers of one kind. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  /** Values of the labels, and the number. */
  readonly series: readonly Series[]
}

type Series = readonly [labels: readonly string[], value: number]

/** Of one kind, in a scrape. */
const maxSeries = 5_000

export const other = 'other'

/** Adds up numbers by labels. */
export interface Sums {
  add(labels: readonly string[], n: number): void
  /** The largest; the rest is one number, all of whose labels are `other`. */
  most(): readonly Series[]
}

export function newSums(): Sums {
  const sums = new Map<string, [readonly string[], number]>()
  return {
    add(labels, n) {
      const key = labels.join('\n')
      const sum = sums.get(key)
      if (sum) sum[1] += n
      else sums.set(key, [labels, n])
    },
    most() {
      const all = [...sums.values()]
      if (all.length <= maxSeries) return all
      const kept = new Set(largest(all, maxSeries - 1, ([, n]) => n))
      const rest = all.filter((one) => !kept.has(one))
      return [...kept, [(all[0]?.[0] ?? []).map(() => other), rest.reduce((sum, [, n]) => sum + n, 0)]]
    },
  }
}

/** Sorts numbers alone: there may be as many as clients make up. */
export function largest<T>(all: readonly T[], most: number, sizeOf: (one: T) => number): readonly T[] {
  if (all.length <= most) return all
  const sizes = Float64Array.from(all, sizeOf)
  const least = sizes.toSorted().at(-most) ?? 0
  const above = all.filter((_, i) => Number(sizes[i]) > least)
  return [...above, ...all.filter((_, i) => sizes[i] === least).slice(0, most - above.length)]
}
