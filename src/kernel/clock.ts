/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number

/** Returns the current time. Everything below `runtime` takes one as an argument. */
export type Clock = () => Instant

export const systemClock: Clock = () => Date.now()

/** The longest that a timer waits, in milliseconds (24.8 days): with more, it does not wait at all. */
export const maxTimerMs = 2 ** 31 - 1
