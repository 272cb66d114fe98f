/** Lines that are of no machine that is kept. */
type CountName = 'lost' | 'refused' | 'unreadable' | 'foreign' | 'nameless' | 'beyond' | 'ahead'

export type Counts = Map<CountName, number>

export const newCounts = (): Counts => new Map()

export const bump = (counts: Counts, name: CountName, by = 1): void =>
  void counts.set(name, (counts.get(name) ?? 0) + by)
