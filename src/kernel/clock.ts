/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number

/** Returns the current time. Everything below `runtime` takes one as an argument. */
export type Clock = () => Instant

export const systemClock: Clock = () => Date.now()
