/**
 * A value that is there at once, or later. What is answered from memory stays synchronous: each promise in series costs
 * a check a turn of the microtask queue.
 */
export type MaybePromise<T> = T | Promise<T>

/** Applies `next` at once where the value is there. */
export const after = <A, B>(value: MaybePromise<A>, next: (value: A) => MaybePromise<B>): MaybePromise<B> =>
  value instanceof Promise ? value.then(next) : next(value)

/** One item after the other, as `for … await` does; an array at once where no item has to wait. @param results so far. */
export function mapInOrder<A, B>(
  items: readonly A[],
  work: (item: A) => MaybePromise<B>,
  results: B[] = [],
): MaybePromise<readonly B[]> {
  while (results.length < items.length) {
    const result = work(items[results.length] as A)
    if (result instanceof Promise) return result.then((one) => mapInOrder(items, work, [...results, one]))
    results.push(result)
  }
  return results
}
