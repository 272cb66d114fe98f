/** Runs work in a time of its own: timers are due one after the other, at once. */
import { setImmediate } from 'node:timers/promises'

interface Due {
  readonly at: number
  readonly run: () => void
}

/** Turns without any timer after which the work is taken to be stuck. */
const patience = 1000

/** @param work is given the clock of that time, in milliseconds since it began. */
export async function inVirtualTime<T>(work: (now: () => number) => Promise<T>): Promise<T> {
  const real = globalThis.setTimeout
  const due: Due[] = []
  let now = 0
  const later = (run: () => void, ms = 0): number => insert(due, { at: now + Math.max(0, ms), run })
  globalThis.setTimeout = later as unknown as typeof setTimeout
  try {
    let isOver = false
    const working = work(() => now).finally(() => {
      isOver = true
    })
    working.catch(() => {})
    for (let idle = 0; !isOver && idle < patience; ) {
      await setImmediate()
      const next = due.pop()
      idle = next === undefined ? idle + 1 : 0
      now = next?.at ?? now
      next?.run()
    }
    if (!isOver) throw new Error('nothing is due, and the work is not over')
    return await working
  } finally {
    globalThis.setTimeout = real
  }
}

/** The one that is due next stands last; of those that are due at once, the one that was set first. */
function insert(due: Due[], one: Due): number {
  let [low, high] = [0, due.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((due[middle]?.at ?? 0) > one.at) low = middle + 1
    else high = middle
  }
  due.splice(low, 0, one)
  return due.length
}
