/**
 * The part of etcd's keys API v2 that locksmith uses: one key a group, and three requests on it.
 * @see https://github.com/coreos/locksmith/blob/master/lock/etcd.go
 */
import { isGroupName } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { available, compareIds, isHolderId, maxHolders, maxSlots, type Semaphore, type Written } from './semaphore.ts'

/** Room for `maxHolders` machine ids, escaped for a form. */
export const maxValueBytes = 64 * 1024

export interface EtcdKey {
  readonly key: string
  readonly group: string
}

/** The default group has no name in its key. */
const keyForm = /^\/coreos\.com\/updateengine\/rebootlock(?:\/groups\/([^/]*))?\/semaphore$/

/**
 * @param key the path behind `/v2/keys`, as it was sent.
 * @returns `undefined` for a key that locksmith does not use.
 * @throws PlatteError('bad-request') for an invalid name of a group.
 */
export function parseEtcdKey(key: string): EtcdKey | undefined {
  const found = keyForm.exec(key)
  if (found === null) return undefined
  const [, group = 'default'] = found
  if (isGroupName(group)) return { key, group }
  throw new PlatteError(
    'bad-request',
    'group: use 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, no two dots in a row',
  )
}

export type EtcdRequest =
  | { readonly kind: 'get' }
  | { readonly kind: 'create'; readonly written: Written }
  | { readonly kind: 'swap'; readonly index: bigint; readonly written: Written }

/** A request that locksmith never sends, with etcd's number for it. */
interface EtcdProblem {
  readonly kind: 'problem'
  readonly errorCode: 203 | 209
  readonly cause: string
}

const problem = (cause: string, errorCode: 203 | 209 = 209): EtcdProblem => ({ kind: 'problem', errorCode, cause })

/** Ignores `quorum`, `consistent` and `sorted`: one key in one store has one answer. */
export function parseEtcdGet(query: URLSearchParams): EtcdRequest | EtcdProblem {
  const request = ['wait', 'recursive', 'stream'].find((name) => !['false', null].includes(query.get(name)))
  return request === undefined ? { kind: 'get' } : problem(`${request}: only the current value of one key can be read`)
}

/** @param body the form, decoded from UTF-8; at most `maxValueBytes` bytes. */
export function parseEtcdPut(query: URLSearchParams, body: string): EtcdRequest | EtcdProblem {
  const condition = parseCondition(query)
  if (condition.kind === 'problem') return condition
  if (!isUtf8(body)) return problem('the body holds escapes that are not UTF-8')
  const form = new URLSearchParams(body)
  const [value, ...others] = form.getAll('value')
  if (value === undefined || others.length > 0 || [...form.keys()].length > 1)
    return problem('the body must be value=…, once and alone')
  const written = parseValue(value)
  return 'kind' in written ? written : { ...condition, written }
}

/** URLSearchParams replaces invalid UTF-8 silently, and ids would change. */
function isUtf8(form: string): boolean {
  try {
    decodeURIComponent(form)
    return true
  } catch {
    return false
  }
}

type Condition = { readonly kind: 'create' } | { readonly kind: 'swap'; readonly index: bigint }

function parseCondition(query: URLSearchParams): Condition | EtcdProblem {
  const [exist, index] = [query.get('prevExist'), query.get('prevIndex')]
  if (['prevValue', 'ttl', 'dir', 'refresh', 'value'].some((name) => query.has(name)))
    return problem('prevValue, ttl, dir and refresh are not known here, and the value belongs in the body')
  if (exist === 'false' && index === null) return { kind: 'create' }
  if (exist !== null || index === null) return problem('a write needs prevExist=false, or the prevIndex that was read')
  if (!/^\d{1,20}$/.test(index)) return problem('prevIndex', 203)
  return BigInt(index) === 0n ? problem('prevIndex: 0 is no state') : { kind: 'swap', index: BigInt(index) }
}

/** Refuses a value now that would make locksmith fail later. */
function parseValue(value: string): Written | EtcdProblem {
  const parsed = parseJsonObject(value)
  if (parsed === undefined) return problem('value: is no JSON object')
  const { semaphore, max, holders, ...others } = parsed
  const [other] = Object.keys(others)
  if (other !== undefined) return problem(`value: ${JSON.stringify(other.slice(0, 40))} is not known here`)
  if (typeof max !== 'number' || !Number.isSafeInteger(max) || max < 0 || max > maxSlots)
    return problem(`value: max must be a whole number of 0 to ${maxSlots}`)
  const ids = holders === null ? [] : holders
  if (!Array.isArray(ids) || !ids.every((id): id is string => typeof id === 'string' && isHolderId(id)))
    return problem('value: holders must be null or texts of 1 to 255 characters')
  if (ids.length > maxHolders) return problem(`value: more than ${maxHolders} holders`)
  if (ids.some((id, i) => i > 0 && compareIds(ids[i - 1] ?? '', id) >= 0))
    return problem('value: holders must be in byte order, each once')
  if (semaphore !== max - ids.length) return problem('value: semaphore must be max less the number of holders')
  return { max, holders: ids }
}

/** A value as Go writes it, and so locksmith. */
export const renderValue = ({ max, holders }: Semaphore): string =>
  JSON.stringify({
    semaphore: available({ max, holders }),
    max,
    holders: holders?.map(({ id }) => id) ?? null,
  }).replace(/[&<>\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** A state of a key. */
export interface EtcdState extends Semaphore {
  /** `modifiedIndex`, never 0: clients then omit `prevIndex`. */
  readonly rev: number
  /** `createdIndex`. */
  readonly created: number
}

const nodeOf = (key: string, state: EtcdState) => ({
  key,
  value: renderValue(state),
  modifiedIndex: state.rev,
  createdIndex: state.created,
})

export const renderNode = (
  action: 'get' | 'create' | 'compareAndSwap',
  key: string,
  state: EtcdState,
  before?: EtcdState,
): string => JSON.stringify({ action, node: nodeOf(key, state), ...(before && { prevNode: nodeOf(key, before) }) })

const messages = {
  100: 'Key not found',
  101: 'Compare failed',
  105: 'Key already exists',
  110: 'The request requires user authentication',
  203: 'The given index in POST form is not a number',
  209: 'Invalid field',
  300: 'Raft Internal Error',
} as const

export type EtcdErrorCode = keyof typeof messages

/** Clients print it as `code: message (cause) [index]`. */
export const renderEtcdError = (errorCode: EtcdErrorCode, cause: string, index = 0): string =>
  JSON.stringify({ errorCode, message: messages[errorCode], cause, index })
