/** A number in [0, 1) for jitter and for names that nobody else uses; never for what must not be guessed. */
export type Random = () => number
