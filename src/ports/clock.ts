/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number

/** Tells the time. Only adapters read the machine's clock. */
export type Clock = () => Instant
