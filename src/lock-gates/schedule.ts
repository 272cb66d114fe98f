/** Work by name: one run of a name at a time, again when it is woken, and later when it asks for it. */

export interface Schedule {
  /** Runs the work of a name at once, or again after the run that goes on. */
  wake(name: string): void
  /** Starts nothing more, and waits for what goes on; at most 5 seconds. */
  close(): Promise<void>
}

const closeMs = 5_000

/** @param work never rejects. @returns after how many milliseconds it runs again; infinite for never. */
export function openSchedule(work: (name: string) => Promise<number>): Schedule {
  const running = new Map<string, Promise<void>>()
  const again = new Set<string>()
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  let isClosed = false

  const wake = (name: string): void => {
    if (isClosed) return
    clearTimeout(timers.get(name))
    if (running.has(name)) return void again.add(name)
    running.set(name, run(name))
  }
  const run = async (name: string): Promise<void> => {
    const nextMs = await work(name)
    running.delete(name)
    if (again.delete(name) || nextMs <= 0) wake(name)
    else if (Number.isFinite(nextMs) && !isClosed) timers.set(name, unheld(setTimeout(() => wake(name), nextMs)))
  }
  return {
    wake,
    async close() {
      isClosed = true
      for (const timer of timers.values()) clearTimeout(timer)
      const ended = Promise.all(running.values())
      await Promise.race([ended, new Promise((resolve) => void unheld(setTimeout(resolve, closeMs)))])
    },
  }
}

/** It keeps no process alive. */
function unheld(timer: ReturnType<typeof setTimeout>): typeof timer {
  if (typeof timer === 'object') timer.unref()
  return timer
}
