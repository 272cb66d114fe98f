import type { EventSink } from '../ports/events.ts'

/** One sink that tells several. */
export function tellAll([first, ...others]: readonly [EventSink, ...EventSink[]]): EventSink {
  if (others.length === 0) return first
  return (event) => {
    first(event)
    for (const sink of others) sink(event)
  }
}
