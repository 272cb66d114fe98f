/** Delivers messages, one at a time, each until the receiver took it or its pauses are used up. */
import type { Gauge } from '../checks/serving.ts'
import { describeError, type Log } from '../kernel/log.ts'
import type { Random } from '../kernel/random.ts'
import type { Message } from './message.ts'

const maxWaiting = 1_000
/** Ids that are not sent again. */
const maxKnown = 10_000
const [second, minute] = [1_000, 60_000]
/** Some 8 hours. */
const defaultPauses = [5 * second, 30 * second, ...[2, 10, 30, 60, 120, 240].map((count) => count * minute)]
const closeMs = 5_000

interface Delivering {
  /** @throws Error where it must be sent again. */
  readonly send: (message: Message) => Promise<void>
  readonly random: Random
  readonly log: Log
  readonly pausesMs?: readonly number[]
}

/** `add` takes each id once, returns at once and never throws. */
export function openQueue({ send, random, log, pausesMs = defaultPauses }: Delivering) {
  const ready: { readonly message: Message; readonly tries: number }[] = []
  const known = new Set<string>()
  const counts = { sent: 0, failed: 0, dropped: 0, waiting: 0 }
  const stop = new AbortController()
  let running: Promise<void> | undefined

  const drop = ({ id, type }: Message, problem: string): void => {
    counts.dropped += 1
    log({ level: 'error', event: 'webhook', problem, id, type })
  }
  const enqueue = (message: Message, tries: number): void => {
    ready.push({ message, tries })
    running ??= run()
  }
  /** A message that must be sent again waits by itself: the receiver may refuse only this one. */
  const deliver = async ({ message, tries }: (typeof ready)[number]): Promise<void> => {
    try {
      await send(message)
      counts.sent += 1
    } catch (error) {
      counts.failed += 1
      log({ level: 'warn', event: 'webhook', ...describeError(error), id: message.id, type: message.type })
      const pauseMs = pausesMs[tries]
      if (pauseMs !== undefined && !stop.signal.aborted)
        return void sleep(pauseMs * (0.8 + 0.4 * random()), stop.signal).then(() => enqueue(message, tries + 1))
      drop(message, stop.signal.aborted ? 'not sent before the process ended' : 'the receiver never took it')
    }
    counts.waiting -= 1
  }
  const run = async (): Promise<void> => {
    for (let next = ready.shift(); next !== undefined; next = ready.shift()) await deliver(next)
    running = undefined
  }
  const drain = async (): Promise<void> => {
    while (counts.waiting > 0) await running
  }
  return {
    add(message: Message): void {
      if (known.has(message.id)) return
      const [oldest = ''] = known
      if (known.size >= maxKnown) known.delete(oldest)
      known.add(message.id)
      if (counts.waiting >= maxWaiting) drop(message, `more than ${maxWaiting} messages wait`)
      else {
        counts.waiting += 1
        enqueue(message, 0)
      }
    },
    gauges: (): readonly Gauge[] => [
      {
        ...{ name: 'platte_webhook_messages', help: 'Messages of the webhook since the start.', label: 'outcome' },
        values: new Map(Object.entries(counts)),
      },
    ],
    /** Tries once more what waits; at most 5 seconds. */
    close: async (): Promise<void> => {
      stop.abort()
      await Promise.race([drain(), sleep(closeMs)])
    },
  }
}

const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => end(), ms)
    if (typeof timer === 'object') timer.unref()
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    if (signal?.aborted) end()
    signal?.addEventListener('abort', end, { once: true })
  })
