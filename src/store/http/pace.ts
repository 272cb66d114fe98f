/** The least speed of a server that sends a package, over all its connections. Slow readers cost a server nothing. */

const leastBytes = 65_536

export interface Pace {
  /** Counts what the server sent. */
  readonly add: (bytes: number) => void
  /** Begins to wait for the server. @param stop called once it is too slow. @returns what ends the waiting. */
  readonly wait: (stop: () => void) => () => void
  readonly isTooSlow: () => boolean
  /** No bytes are wanted any more. */
  readonly end: () => void
}

/** @param windowMs two of them in a row with fewer than `leastBytes`, each while a reader waits, are too slow. */
export function newPace(windowMs: number): Pace {
  let [bytes, slowWindows] = [0, 0]
  let stop: (() => void) | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const onWindow = (): void => {
    timer = undefined
    slowWindows = stop !== undefined && bytes < leastBytes ? slowWindows + 1 : 0
    bytes = 0
    if (slowWindows >= 2) stop?.()
    else if (stop !== undefined) timer = setTimeout(onWindow, windowMs)
  }
  return {
    add(more) {
      bytes += more
    },
    wait(whenSlow) {
      stop = whenSlow
      timer ??= setTimeout(onWindow, windowMs)
      return () => {
        stop = undefined
      }
    },
    isTooSlow: () => slowWindows >= 2,
    end() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
