/** How long what was read is served without asking the store. */
export const ttlMs = 30_000

export const isFresh = (at: number, now: number): boolean => now >= at && now - at < ttlMs

export const storeUnavailable = { reason: 'store-unavailable', message: 'nothing was read yet' } as const
export const noAnswer = (waitMs: number) => ({ ...storeUnavailable, message: `no answer within ${waitMs} ms` }) as const

/** @returns `undefined` where the work takes longer than anybody waits; it goes on. */
export async function inTime<T>(work: Promise<T>, waitMs: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), waitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
