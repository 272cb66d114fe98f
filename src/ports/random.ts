/** A number in [0, 1) for jitter; never for keys. */
export type Random = () => number
