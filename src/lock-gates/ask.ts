/** Asks one gate. Its answer is from outside: bounded in time and size, and never repeated as it came. */
import { messageOf } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { readAtMost } from '../kernel/streams.ts'
import { direct } from '../outgoing/direct.ts'
import { type FetchResponse, fetchBounded } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'
import type { Gate } from './lists.ts'

const maxAnswerBytes = 1024 * 1024
/** Alerts that a reason names. */
const maxNames = 3

export type GateAnswer =
  | { readonly kind: 'open' }
  /** `why` is for machines. */
  | { readonly kind: 'closed'; readonly why: string }
  /** It is not known whether it is open. `problem` is for operators. */
  | { readonly kind: 'failed'; readonly problem: string }

export interface HowToAsk {
  readonly transport: Transport
  /** For the whole answer. Machines wait for it. */
  readonly limitMs: number
}

/** Never throws. */
export async function askGate(gate: Gate, { transport, limitMs }: HowToAsk): Promise<GateAnswer> {
  const { token, prometheus = '' } = gate
  const request = {
    ...{ url: gate.url ?? queryUrl(prometheus, gate.query ?? ''), key: `gate ${gate.name}` },
    ...{ idleMs: limitMs, totalMs: limitMs, transport: direct(transport, `gate ${gate.name}`) },
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  }
  try {
    const answer = await fetchBounded(request)
    try {
      return gate.url === undefined ? await judgeQuery(answer) : judgeStatus(answer.status)
    } finally {
      await answer.drop()
    }
  } catch (error) {
    return { kind: 'failed', problem: messageOf(error) }
  }
}

function queryUrl(prometheus: string, query: string): string {
  const url = new URL(prometheus)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/query`
  url.searchParams.set('query', query)
  return url.href
}

const failed = (problem: string): GateAnswer => ({ kind: 'failed', problem })
const closed = (why: string): GateAnswer => ({ kind: 'closed', why })

/** 503 says "not now"; other numbers from 500 are of what stands before the gate, or of a defect in it. */
function judgeStatus(status: number): GateAnswer {
  if (status >= 200 && status <= 299) return { kind: 'open' }
  return status >= 500 && status !== 503 ? failed(`answers ${status}`) : closed(`it answers ${status}`)
}

/**
 * Each element of the vector closes, whatever its value is, as in a rule for alerts: `up == 0` has elements of value 0.
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
 */
async function judgeQuery(answer: FetchResponse): Promise<GateAnswer> {
  if (answer.status !== 200) return failed(`answers ${answer.status} to the query`)
  const bytes = await readAtMost(answer.body(undefined), maxAnswerBytes, 'its answer')
  const { status, data, warnings } = parseJsonObject(new TextDecoder().decode(bytes)) ?? {}
  if (status !== 'success' || !isObject(data)) return failed('its answer is not that of a query')
  // Of a part of the servers behind it: what is absent there may be an alert.
  if (Array.isArray(warnings) && warnings.length > 0) return failed('its answer has warnings: it may lack something')
  const { resultType, result } = data
  if (resultType !== 'vector' || !Array.isArray(result)) return failed('the query does not give a vector')
  if (result.length === 0) return { kind: 'open' }
  const names = [...new Set(result.map(nameOf).filter((name) => name !== undefined))].slice(0, maxNames)
  return closed(`its query finds ${result.length}${names.length > 0 ? `: ${names.join(', ')}` : ''}`)
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

function nameOf(element: unknown): string | undefined {
  const metric = isObject(element) ? element.metric : undefined
  const name = isObject(metric) ? (metric.alertname ?? metric.__name__) : undefined
  return typeof name === 'string' && /^[\w.:/ -]{1,50}$/.test(name) ? name : undefined
}
