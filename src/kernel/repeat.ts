/** Work that is done again and again, one run at a time. */

/**
 * Begins a run each `everyMs`, unless one still goes on. Does not keep a process alive.
 * @param work never rejects. @returns ends this, and waits for the run that goes on.
 */
export function repeat(work: () => Promise<void>, everyMs: number): () => Promise<void> {
  let running: Promise<void> | undefined
  const timer = setInterval(() => {
    running ??= work().finally(() => {
      running = undefined
    })
  }, everyMs)
  if (typeof timer === 'object') timer.unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}
