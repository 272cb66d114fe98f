/** A number in [0, 1), for jitter and for unique names. Not for secrets. */
export type Random = () => number

export const systemRandom: Random = () => Math.random()
