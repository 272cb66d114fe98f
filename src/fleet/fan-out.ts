import type { EventSink } from '../checks/events.ts'

/** One sink that tells several. */
export function fanOut([first, ...others]: readonly [EventSink, ...EventSink[]]): EventSink {
  if (others.length === 0) return first
  return (event) => {
    first(event)
    for (const sink of others) sink(event)
  }
}
