/**
 * The part of etcd's keys API, version 2, that locksmith asks for: one key for each group, and three requests on it.
 * @see https://github.com/coreos/locksmith/blob/master/lock/etcd.go
 */

import { isGroupName } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { available, compareIds, isHolderId, maxHolders, maxSlots, type Semaphore, type Written } from './semaphore.ts'

/** Where locksmith's keys begin; the API's own prefix is `/v2/keys`. */
const rebootlock = '/coreos.com/updateengine/rebootlock'

/** Longer than a value of `maxHolders` machine ids, escaped for a form. */
export const maxValueBytes = 64 * 1024

/** The group of locksmith's and FleetLock's first key. */
const defaultGroup = 'default'

/** A key as etcd writes it, and the group that it is of. */
export interface EtcdKey {
  readonly key: string
  readonly group: string
}

/**
 * @param path what stands behind `/v2/keys`, as it was sent.
 * @returns `undefined` for a key that locksmith does not use.
 * @throws PlatteError('bad-request') for a group with another name than groups may have.
 */
export function parseEtcdKey(path: string): EtcdKey | undefined {
  if (path === `${rebootlock}/semaphore`) return { key: path, group: defaultGroup }
  const [, group] = /^\/coreos\.com\/updateengine\/rebootlock\/groups\/([^/]*)\/semaphore$/.exec(path) ?? []
  if (group === undefined) return undefined
  if (isGroupName(group)) return { key: path, group }
  throw new PlatteError('bad-request', `group: ${groupForm}`)
}

/** What a group may be called, in words. */
const groupForm = 'use 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, no two dots in a row'

/** What a client asks for. */
export type EtcdRequest =
  | { readonly kind: 'get' }
  | { readonly kind: 'create'; readonly written: Written }
  | { readonly kind: 'swap'; readonly index: bigint; readonly written: Written }

/** What of a request is not on locksmith's list, with etcd's number for it. */
export interface EtcdProblem {
  readonly kind: 'problem'
  readonly errorCode: 203 | 209
  readonly cause: string
}

const problem = (cause: string, errorCode: EtcdProblem['errorCode'] = 209): EtcdProblem => ({
  kind: 'problem',
  errorCode,
  cause,
})

/** Reads a GET. Whether it may be answered from a majority or a member, and sorted, makes no difference here. */
export function parseEtcdGet(query: URLSearchParams): EtcdRequest | EtcdProblem {
  const request = ['wait', 'recursive', 'stream'].find((name) => !['false', null].includes(query.get(name)))
  return request === undefined ? { kind: 'get' } : problem(`${request}: only the current value of one key can be read`)
}

/**
 * Reads a PUT.
 * @param body the form, decoded from UTF-8; at most `maxValueBytes` bytes.
 */
export function parseEtcdPut(query: URLSearchParams, body: string): EtcdRequest | EtcdProblem {
  const condition = parseCondition(query)
  if (condition.kind === 'problem') return condition
  if (!isWhole(body)) return problem('the body holds escapes that are not UTF-8')
  const form = new URLSearchParams(body)
  const [value, ...others] = form.getAll('value')
  if (value === undefined || others.length > 0 || [...form.keys()].length > 1)
    return problem('the body must be value=…, once and alone')
  const written = parseValue(value)
  return 'kind' in written ? written : { ...condition, written }
}

/** Forms are decoded without a word about what is no UTF-8: other ids would come out of it. */
function isWhole(form: string): boolean {
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

/** Holds a value against what locksmith writes: what would make it fail later is refused now. */
function parseValue(value: string): Written | EtcdProblem {
  const parsed = parseJsonObject(value)
  if (parsed === undefined) return problem('value: is no JSON object')
  const { semaphore, max, holders, ...others } = parsed
  const [other] = Object.keys(others)
  if (other !== undefined) return problem(`value: ${JSON.stringify(other.slice(0, 40))} is not known here`)
  if (!isCount(max) || max > maxSlots) return problem(`value: max must be a whole number of 0 to ${maxSlots}`)
  const ids = holders === null ? [] : holders
  if (!Array.isArray(ids) || !ids.every((id): id is string => typeof id === 'string' && isHolderId(id)))
    return problem('value: holders must be null or texts of 1 to 255 characters')
  if (ids.length > maxHolders) return problem(`value: more than ${maxHolders} holders`)
  if (ids.some((id, i) => i > 0 && compareIds(ids[i - 1] ?? '', id) >= 0))
    return problem('value: holders must be in byte order, each once')
  if (semaphore !== max - ids.length) return problem('value: semaphore must be max less the number of holders')
  return { max, holders: ids }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** A value as Go writes it, which is what locksmith left there. */
export const renderValue = ({ max, holders }: Semaphore): string =>
  JSON.stringify({
    semaphore: available({ max, holders }),
    max,
    holders: holders?.map(({ id }) => id) ?? null,
  }).replace(/[&<>\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** A state of a key. */
export interface EtcdState extends Semaphore {
  /** `modifiedIndex`: never 0, which clients take for none. */
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

/** The answer to what was read or written. */
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

/** An error as etcd words it: clients print it as `code: message (cause) [index]`. */
export const renderEtcdError = (errorCode: EtcdErrorCode, cause: string, index = 0): string =>
  JSON.stringify({ errorCode, message: messages[errorCode], cause, index })
