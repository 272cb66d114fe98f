/** What locksmith sends and gets: queries and forms, and a semaphore as a text. */
import { parseJsonObject } from '../../kernel/json.ts'
import { available, isHolderId, isInOrder, maxHolders, maxSlots, type Semaphore, type Written } from '../semaphore.ts'

/** Room for `maxHolders` of the longest ids, escaped for a form. */
export const maxValueBytes = 4 * 1024 * 1024

export type Put =
  | { readonly kind: 'create'; readonly written: Written }
  | { readonly kind: 'swap'; readonly index: bigint; readonly written: Written }

/** A request that locksmith never sends, with etcd's number for it. */
const problem = (cause: string, errorCode: 203 | 209 = 209) => ({ kind: 'problem', errorCode, cause }) as const
type EtcdProblem = ReturnType<typeof problem>

/** Ignores `quorum`, `consistent` and `sorted`: one key in one store has one answer. */
export function parseEtcdGet(query: URLSearchParams): { readonly kind: 'get' } | EtcdProblem {
  const request = ['wait', 'recursive', 'stream'].find((name) => !['false', null].includes(query.get(name)))
  return request === undefined ? { kind: 'get' } : problem(`${request}: only the current value of one key can be read`)
}

/** @param body the form, decoded from UTF-8; at most `maxValueBytes` bytes. */
export function parseEtcdPut(query: URLSearchParams, body: string): Put | EtcdProblem {
  const [exist, index] = [query.get('prevExist'), query.get('prevIndex')]
  if (['prevValue', 'ttl', 'dir', 'refresh', 'value'].some((name) => query.has(name)))
    return problem('prevValue, ttl, dir and refresh are not known here, and the value belongs in the body')
  if (index === null ? exist !== 'false' : exist !== null)
    return problem('a write needs prevExist=false, or the prevIndex that was read')
  if (index !== null && !/^\d{1,20}$/.test(index)) return problem('prevIndex', 203)
  if (index !== null && BigInt(index) === 0n) return problem('prevIndex: 0 is no state')
  if (!isUtf8(body)) return problem('the body holds escapes that are not UTF-8')
  const form = new URLSearchParams(body)
  const [value, ...others] = form.getAll('value')
  if (value === undefined || others.length > 0 || [...form.keys()].length > 1)
    return problem('the body must be value=…, once and alone')
  const written = parseValue(value)
  if (typeof written === 'string') return problem(`value: ${written}`)
  return index === null ? { kind: 'create', written } : { kind: 'swap', index: BigInt(index), written }
}

/** URLSearchParams replaces invalid UTF-8 silently, and ids would change. */
function isUtf8(form: string): boolean {
  try {
    return decodeURIComponent(form) !== undefined
  } catch {
    return false
  }
}

/** Refuses a value now that would make locksmith fail later. @returns the problem, if there is one. */
function parseValue(value: string): Written | string {
  const parsed = parseJsonObject(value)
  if (parsed === undefined) return 'is not a JSON object'
  const { semaphore, max, holders, ...others } = parsed
  const [other] = Object.keys(others)
  if (other !== undefined) return `${JSON.stringify(other.slice(0, 40))} is not known here`
  if (typeof max !== 'number' || !Number.isSafeInteger(max) || max < 0 || max > maxSlots)
    return `max must be a whole number of 0 to ${maxSlots}`
  const ids = holders === null ? [] : holders
  if (!Array.isArray(ids) || !ids.every((id): id is string => typeof id === 'string' && isHolderId(id)))
    return 'holders must be null or texts of 1 to 255 characters'
  if (ids.length > maxHolders) return `more than ${maxHolders} holders`
  if (!isInOrder(ids)) return 'holders must be in byte order, each once'
  return semaphore === max - ids.length ? { max, holders: ids } : 'semaphore must be max less the number of holders'
}

/** A value as Go writes it, and so locksmith. */
export function renderValue({ max, holders }: Semaphore): string {
  const ids = holders?.map(({ id }) => id) ?? null
  return JSON.stringify({ semaphore: available({ max, holders }), max, holders: ids }).replace(
    /[&<>\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
