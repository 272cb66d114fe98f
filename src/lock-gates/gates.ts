/** The gates of groups: asked right before a slot is given, each by one request at a time, and remembered for seconds. */
import type { Extension, Gauge } from '../checks/serving.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { askGate, type GateAnswer, type HowToAsk } from './ask.ts'
import type { Gate } from './lists.ts'

const defaultLimitMs = 5_000
/** Many machines ask in the same moment. */
const rememberMs = 5_000
/** Health names a gate that failed for this long, where nobody asks it again. */
const newsMs = 30 * 60 * 1000
/** How often a request looks whether another one has the answer. Requests of a Worker share no promise. */
const lookMs = 20

interface Asking extends Pick<HowToAsk, 'transport'> {
  readonly limitMs?: number
  readonly gates: readonly Gate[]
  readonly clock: Clock
  readonly log: Log
}

type GateExtension = Extension & { readonly lockGate: NonNullable<Extension['lockGate']> }

export function openGates({ gates, transport, clock, log, limitMs = defaultLimitMs }: Asking): GateExtension {
  const answers = new Map<string, { readonly answer: GateAnswer; readonly at: Instant }>()
  const asked = new Map<string, Instant>()
  const counts = { open: 0, closed: 0, failed: 0 }
  const ofGroup = (group: string) => gates.filter(({ groups }) => groups?.includes(group) ?? true)
  const isWithin = (at: Instant | undefined, ms: number) => at !== undefined && Math.abs(clock() - at) < ms

  async function answerOf(gate: Gate): Promise<GateAnswer> {
    const { name } = gate
    // A request that ended while it asked left its note behind.
    while (isWithin(asked.get(name), limitMs + 1_000)) await sleep(lookMs)
    const known = answers.get(name)
    if (known !== undefined && isWithin(known.at, rememberMs)) return known.answer
    asked.set(name, clock())
    const answer = await askGate(gate, { transport, limitMs })
    asked.delete(name)
    answers.set(name, { answer, at: clock() })
    counts[answer.kind] += 1
    if (answer.kind === 'failed') log({ level: 'warn', event: 'lock-gate', gate: name, problem: answer.problem })
    return answer
  }
  return {
    name: 'lock-gates',
    lockGate: {
      has: (group) => ofGroup(group).length > 0,
      ask: async (group) =>
        (await Promise.all(ofGroup(group).map(async (gate) => reasonOf(gate, await answerOf(gate))))).find(
          (reason) => reason !== undefined,
        ),
    },
    gauges: async (): Promise<readonly Gauge[]> => [
      {
        ...{ name: 'platte_lock_gates', help: 'Answers of gates since the start.', label: 'answer' },
        values: new Map(Object.entries(counts)),
      },
    ],
    problems: async () =>
      [...answers].flatMap(([name, { answer, at }]) =>
        answer.kind === 'failed' && isWithin(at, newsMs)
          ? [`locks: gate ${name} does not answer; the log says why`]
          : [],
      ),
  }
}

function reasonOf({ name, onFailure = 'closed' }: Gate, answer: GateAnswer): string | undefined {
  if (answer.kind === 'closed') return `gate ${name} is closed: ${answer.why}`
  return answer.kind === 'failed' && onFailure === 'closed' ? `gate ${name} does not answer` : undefined
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
