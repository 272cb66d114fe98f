/**
 * locksmith's requests: a group is a key of etcd's keys API v2, with three requests on it.
 * @see https://github.com/coreos/locksmith/blob/master/lock/etcd.go
 */
import type { Context } from 'hono'
import { isGroupName } from '../../documents/paths.ts'
import { readText } from '../../http/body.ts'
import { PlatteError, problemOf } from '../../kernel/errors.ts'
import { parseJsonObject } from '../../kernel/json.ts'
import type { Lock } from '../document.ts'
import { createGroup, lookAtGroup, noteWaiting, swapSemaphore } from '../edits.ts'
import { resolveGroup } from '../resolve.ts'
import {
  available,
  findHolder,
  isHolderId,
  isInOrder,
  maxHolders,
  maxSlots,
  type Semaphore,
  shownTo,
  type Written,
} from '../semaphore.ts'
import { NoGroup, OtherDriver, readLock, refuseEmptyStore } from '../store.ts'
import { heldIn, type LockProtocol, type LockRequest, logLock, noStore, peerOf, throughGates } from './lock-request.ts'
import type { Refusal } from './recent.ts'

export const etcdPrefix = '/v2/keys'

/** Room for `maxHolders` of the longest ids, escaped for a form. */
const maxValueBytes = 4 * 1024 * 1024

/** The default group has no name in its key. */
const keyForm = /^\/coreos\.com\/updateengine\/rebootlock(?:\/groups\/([^/]*))?\/semaphore$/

type Put =
  | { readonly kind: 'create'; readonly written: Written }
  | { readonly kind: 'swap'; readonly index: bigint; readonly written: Written }

/** A request that locksmith never sends, with etcd's number for it. */
const problem = (cause: string, errorCode: 203 | 209 = 209) => ({ kind: 'problem', errorCode, cause }) as const
type EtcdProblem = ReturnType<typeof problem>

/** Ignores `quorum`, `consistent` and `sorted`: one key in one store has one answer. */
function parseEtcdGet(query: URLSearchParams): { readonly kind: 'get' } | EtcdProblem {
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

const messages = {
  100: 'Key not found',
  101: 'Compare failed',
  105: 'Key already exists',
  110: 'The request requires user authentication',
  203: 'The given index in POST form is not a number',
  209: 'Invalid field',
  300: 'Raft Internal Error',
} as const

type Status = 200 | 201 | 400 | 401 | 404 | 405 | 412 | 413 | 500 | 503
type Cause = readonly [cause: string, index?: number]

function send(c: Context, status: Status, value: object, index: number): Response {
  const headers = { 'content-type': 'application/json', ...noStore }
  return c.body(JSON.stringify(value), status, index > 0 ? { ...headers, 'x-etcd-index': String(index) } : headers)
}

/** Clients print it as `code: message (cause) [index]`. */
const fail = (c: Context, status: Status, errorCode: keyof typeof messages, [cause, index = 0]: Cause): Response =>
  send(c, status, { errorCode, message: messages[errorCode], cause, index }, index)

function denied({ c, locks }: LockRequest, cause: string, why: Refusal = 'token'): Response {
  locks.memory.refused(why)
  c.header('www-authenticate', 'Basic realm="reboot locks"')
  return fail(c, 401, 110, [cause])
}

/** For a group that does not exist: etcd's 404 would make locksmith panic on its next request. */
const deniedGroup = (request: KeyRequest): Response =>
  denied(request, `there is no lock group ${request.group}; platte lock create --group ${request.group}`, 'no-group')

type Action = 'get' | 'create' | 'compareAndSwap'

function sendNode(request: KeyRequest, action: Action, after: Lock, before?: Lock): Response {
  const { c, key } = request
  const nodeOf = (lock: Lock) => ({
    key,
    value: renderValue(shownTo(lock, action === 'get' ? asking(request, lock) : undefined)),
    modifiedIndex: lock.rev,
    createdIndex: lock.created,
  })
  const value = { action, node: nodeOf(after), ...(before && { prevNode: nodeOf(before) }) }
  return send(c, action === 'create' ? 201 : 200, value, after.rev)
}

interface KeyRequest extends LockRequest {
  readonly key: string
  readonly group: string
  readonly zone?: string
}

export const etcd: LockProtocol = {
  async answer(request) {
    const { c, path, access } = request
    if (!access.isKnown) return denied(request, 'Insufficient credentials')
    const key = path.startsWith(`${etcdPrefix}/`) ? path.slice(etcdPrefix.length) : path
    const [found, named = 'default'] = keyForm.exec(key) ?? []
    if (found === undefined) return fail(c, 404, 100, [key.slice(0, 200)])
    if (!isGroupName(named)) throw new PlatteError('bad-request', badGroup)
    const query = new URL(c.req.url).searchParams
    const { method, raw } = c.req
    if (method !== 'GET' && method !== 'PUT') {
      c.header('allow', 'GET, HEAD, PUT')
      return fail(c, 405, 209, ['method: only GET and PUT are known here'])
    }
    const isGet = method === 'GET'
    const asked = isGet ? parseEtcdGet(query) : parseEtcdPut(query, (await readText(raw, maxValueBytes)).text)
    if (asked.kind === 'problem') return fail(c, 400, asked.errorCode, [asked.cause])
    const keyRequest = { ...request, key, ...(await resolveGroup(request.locks.locking, named)) }
    if (!access.may('read', keyRequest.group)) return denied(request, `this token is not for group ${named}`)
    try {
      if (asked.kind === 'get') return await get(keyRequest)
      return await (asked.kind === 'create' ? create(keyRequest, asked.written) : swap(keyRequest, asked))
    } catch (error) {
      if (error instanceof NoGroup) return deniedGroup(keyRequest)
      if (error instanceof OtherDriver) return denied(keyRequest, problemOf(error), 'driver')
      throw error
    }
  },
  refuse: (c, status, words) => fail(c, status, status < 500 ? 209 : 300, [words]),
}

/** The machine that asks: as it names itself, or the only one that locked from its address in the last minutes. */
function asking({ c, access, locks, machine, group }: KeyRequest, lock: Lock): string | undefined {
  if (machine !== undefined && findHolder(lock, machine)) return machine
  return access.may('lock', group) ? locks.memory.lockedFrom(peerOf(c), group, locks.locking.clock()) : undefined
}

const badGroup = 'group: use 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, no two dots in a row'

async function get(request: KeyRequest): Promise<Response> {
  const { locks, access, group } = request
  const { locking, memory } = locks
  const { after } = logLock(request, group, await lookAtGroup(locking, group))
  if (available(after) > 0) return sendNode(request, 'get', after)
  memory.refused('full')
  const waits = access.may('lock', group) && memory.foundFull(group, locking.clock())
  return sendNode(request, 'get', waits ? (await noteWaiting(locking, group)).after : after)
}

async function create(request: KeyRequest, { max, holders }: Written): Promise<Response> {
  const { c, locks, access, key, group } = request
  const { locking, memory } = locks
  memory.began(peerOf(c))
  const stored = await readLock(locking, group)
  if (stored) return fail(c, 412, 105, [key, stored.lock.rev])
  if (!locks.creates || !access.may('lock', group)) return deniedGroup(request)
  if (holders.length > 0) return fail(c, 400, 209, ['value: a new semaphore has no holders'])
  await refuseEmptyStore(locking)
  const { result, after } = logLock(request, group, await createGroup(locking, group, Math.min(max, 1), 'locksmith'))
  return result === 'exists' ? fail(c, 412, 105, [key, after.rev]) : sendNode(request, 'create', after)
}

async function swap(request: KeyRequest, { index, written }: Extract<Put, { kind: 'swap' }>): Promise<Response> {
  const { c, locks, access, group, zone } = request
  const { locking, memory } = locks
  if (!access.may('lock', group)) return denied(request, 'this token may only read')
  const [peer, now] = [peerOf(c), locking.clock()]
  const held = await heldIn(request, group)
  const swapping = { index, written, held, zone, isAdmin: access.may('admin', group) }
  const { result, before, after } = await throughGates(request, group, (gate) =>
    swapSemaphore(locking, group, { ...swapping, gate }),
  )
  const compared = `[${index} != ${after.rev}]`
  switch (result.kind) {
    case 'swapped':
      if (result.locked !== undefined) memory.locked(peer, group, result.locked, now)
      return sendNode(request, 'compareAndSwap', after, before)
    case 'not-allowed':
      return denied(request, 'this token may not set max')
    case 'refused':
      return fail(c, 400, 209, [`value: ${result.reason}`, after.rev])
    case 'vetoed':
      memory.refused(result.veto.kind)
      return fail(c, 412, 101, [`${compared} ${result.veto.reason}`, after.rev])
    case 'stale':
      memory.refused('lost-race')
      return fail(c, 412, 101, [compared, after.rev])
  }
}
