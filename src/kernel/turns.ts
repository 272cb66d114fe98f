/**
 * Writers of one process take turns at a key, since all but one of those that race for a document lose. Requests of a Worker
 * share no promise, so who waits looks again and again.
 */

/** Then it goes ahead out of turn: a request that ended meanwhile left its place behind. */
const maxWaitMs = 20_000
/** Between two looks of the one that is next; others look less often. */
const lookMs = 2
const maxLookMs = 50

const queues = new WeakMap<object, Map<string, object[]>>()

interface Turn {
  /** Resolves when it is this one's turn. @returns whether others were in between. */
  begin(): Promise<boolean>
  end(): void
}

/** @param of what is written, such as a store. */
export function turnAt(of: object, key: string): Turn {
  const byKey = queues.get(of) ?? new Map<string, object[]>()
  queues.set(of, byKey)
  const mine = {}
  return {
    async begin() {
      const queue = byKey.get(key) ?? []
      byKey.set(key, queue)
      if (queue.includes(mine)) return false
      queue.push(mine)
      let waitedMs = 0
      for (let at = queue.indexOf(mine); at > 0 && waitedMs < maxWaitMs; at = queue.indexOf(mine)) {
        const ms = Math.min(at * lookMs, maxLookMs)
        await new Promise((resolve) => setTimeout(resolve, ms))
        waitedMs += ms
      }
      if (waitedMs >= maxWaitMs) queue.splice(0, queue.indexOf(mine))
      return waitedMs > 0
    },
    end() {
      const queue = byKey.get(key)
      const at = queue?.indexOf(mine) ?? -1
      if (at >= 0) queue?.splice(at, 1)
      if (queue?.length === 0) byKey.delete(key)
    },
  }
}
