/** Delivers messages one after another, each until the receiver took it or the pauses are used up. */
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
  const waiting: Message[] = []
  const known = new Set<string>()
  const counts = { sent: 0, failed: 0, dropped: 0 }
  const stop = new AbortController()
  let running: Promise<void> | undefined

  const drop = ({ id, type }: Message, problem: string): void => {
    counts.dropped += 1
    log({ level: 'error', event: 'webhook', problem, id, type })
  }
  const deliver = async (message: Message): Promise<void> => {
    for (const pauseMs of [...pausesMs, undefined]) {
      try {
        await send(message)
        counts.sent += 1
        return
      } catch (error) {
        counts.failed += 1
        log({ level: 'warn', event: 'webhook', ...describeError(error), id: message.id, type: message.type })
      }
      if (pauseMs === undefined || stop.signal.aborted) break
      await sleep(pauseMs * (0.8 + 0.4 * random()), stop.signal)
    }
    drop(message, stop.signal.aborted ? 'not sent before the process ended' : 'the receiver never took it')
  }
  const run = async (): Promise<void> => {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      await deliver(next)
      waiting.shift()
    }
    running = undefined
  }
  return {
    add(message: Message): void {
      if (known.has(message.id)) return
      const [oldest = ''] = known
      if (known.size >= maxKnown) known.delete(oldest)
      known.add(message.id)
      if (waiting.length >= maxWaiting) drop(message, `more than ${maxWaiting} messages wait`)
      else waiting.push(message)
      running ??= run()
    },
    gauges: (): readonly Gauge[] => [
      {
        ...{ name: 'platte_webhook_messages', help: 'Messages of the webhook since the start.', label: 'outcome' },
        values: new Map(Object.entries({ ...counts, waiting: waiting.length })),
      },
    ],
    /** Tries once more what waits; at most 5 seconds. */
    close: async (): Promise<void> => {
      stop.abort()
      await Promise.race([running, sleep(closeMs)])
    },
  }
}

const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    if (typeof timer === 'object') timer.unref()
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    if (signal?.aborted) end()
    signal?.addEventListener('abort', end, { once: true })
  })
