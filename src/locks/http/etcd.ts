/**
 * locksmith's requests: a group is a key of etcd's keys API v2, with three requests on it.
 * @see https://github.com/coreos/locksmith/blob/master/lock/etcd.go
 */
import type { Context } from 'hono'
import { isGroupName } from '../../documents/paths.ts'
import { readText } from '../../http/body.ts'
import { PlatteError, problemOf } from '../../kernel/errors.ts'
import type { Lock } from '../document.ts'
import { createGroup, lookAtGroup, noteWaiting, swapSemaphore } from '../edits.ts'
import { resolveGroup } from '../resolve.ts'
import { available, findHolder, shownTo, type Written } from '../semaphore.ts'
import { NoGroup, OtherDriver, readLock, refuseEmptyStore } from '../store.ts'
import { maxValueBytes, type Put, parseEtcdGet, parseEtcdPut, renderValue } from './etcd-value.ts'
import {
  callerOf,
  heldIn,
  type LockProtocol,
  type LockRequest,
  logLock,
  noStore,
  noteQueue,
  peerOf,
  reasonOf,
  throughGates,
} from './lock-request.ts'
import type { Refusal } from './recent.ts'

export const etcdPrefix = '/v2/keys'

/** The default group has no name in its key. */
const keyForm = /^\/coreos\.com\/updateengine\/rebootlock(?:\/groups\/([^/]*))?\/semaphore$/

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
  const { after } = await logLock(request, group, await lookAtGroup(locking, group))
  if (available(after) > 0) return sendNode(request, 'get', after)
  memory.refused('full')
  if (access.may('lock', group))
    await noteQueue(request, { ...callerOf(request), group, what: 'looked', reason: 'full' })
  const waits = access.may('lock', group) && memory.foundFull(group, locking.clock())
  return sendNode(request, 'get', waits ? (await noteWaiting(locking, group)).after : after)
}

async function create(request: KeyRequest, { max, holders }: Written): Promise<Response> {
  const { c, locks, access, key, group } = request
  const { locking, memory } = locks
  memory.began(peerOf(c))
  await noteQueue(request, { ...callerOf(request), group, what: 'began' })
  const stored = await readLock(locking, group)
  if (stored) return fail(c, 412, 105, [key, stored.lock.rev])
  if (!locks.creates || !access.may('lock', group)) return deniedGroup(request)
  if (holders.length > 0) return fail(c, 400, 209, ['value: a new semaphore has no holders'])
  await refuseEmptyStore(locking)
  const made = await createGroup(locking, group, Math.min(max, 1), 'locksmith')
  const { result, after } = await logLock(request, group, made)
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
  const asked = written.holders.find((id) => !findHolder(before, id))
  // Now it has a name.
  if (asked !== undefined) await noteQueue(request, { id: peer, via: 'locksmith', group, what: 'left' })
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
      await noteQueue(request, { id: asked, via: 'locksmith', group, what: 'refused', ...reasonOf(result.veto) })
      return fail(c, 412, 101, [`${compared} ${result.veto.reason}`, after.rev])
    case 'stale':
      memory.refused('lost-race')
      return fail(c, 412, 101, [compared, after.rev])
  }
}
