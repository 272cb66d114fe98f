/** locksmith's requests: the semaphore of a group as a key of etcd. */
import type { Context } from 'hono'
import { readText } from '../../http/body.ts'
import { createGroup, lookAtGroup, swapSemaphore } from '../edits.ts'
import { emptyLock } from '../store.ts'
import {
  type EtcdErrorCode,
  type EtcdKey,
  type EtcdRequest,
  maxValueBytes,
  parseEtcdGet,
  parseEtcdKey,
  parseEtcdPut,
  renderEtcdError,
  renderNode,
} from '../wire-etcd.ts'
import { heldIn, type LockProtocol, type LockRequest, logLock, type Scope } from './lock-request.ts'

export const etcdPrefix = '/v2/keys'

type Status = 200 | 201 | 400 | 401 | 404 | 405 | 412 | 413 | 500 | 503

function answer(c: Context, status: Status, json: string, index = 0): Response {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return c.body(json, status, index > 0 ? { ...headers, 'x-etcd-index': String(index) } : headers)
}

const fail = (c: Context, status: Status, code: EtcdErrorCode, [cause, index]: readonly [string, number?]): Response =>
  answer(c, status, renderEtcdError(code, cause, index), index)

/** A reader cannot create a group, so it sees an empty one with this number. Nobody can write over it. */
const unmadeRev = 1

export const etcd: LockProtocol = {
  async answer(lockRequest, scope) {
    const { c, path } = lockRequest
    if (scope === 'none') return denied(c, 'Insufficient credentials')
    const key = path.slice(etcdPrefix.length)
    const found = parseEtcdKey(key)
    if (found === undefined) return fail(c, 404, 100, [key.slice(0, 200)])
    const query = new URL(c.req.url).searchParams
    const { method } = c.req
    if (method !== 'GET' && method !== 'PUT') {
      c.header('allow', 'GET, HEAD, PUT')
      return fail(c, 405, 209, ['method: only GET and PUT are known here'])
    }
    const request =
      method === 'GET' ? parseEtcdGet(query) : parseEtcdPut(query, await readText(c.req.raw, maxValueBytes))
    if (request.kind === 'problem') return fail(c, 400, request.errorCode, [request.cause])
    return serve(lockRequest, found, request, scope)
  },
  refuse: (c, status, words) => fail(c, status, status < 500 ? 209 : 300, [words]),
}

function denied(c: Context, cause: string): Response {
  c.header('www-authenticate', 'Basic realm="reboot locks"')
  return fail(c, 401, 110, [cause])
}

async function serve(
  lockRequest: LockRequest,
  { key, group }: EtcdKey,
  request: EtcdRequest,
  scope: Scope,
): Promise<Response> {
  const { c, locks } = lockRequest
  const { locking } = locks
  switch (request.kind) {
    case 'get': {
      const { result, after } = logLock(lockRequest, group, await lookAtGroup(locking, group))
      if (result === 'there') return answer(c, 200, renderNode('get', key, after), after.rev)
      if (scope === 'write') return fail(c, 404, 100, [key])
      const unmade = { ...emptyLock(group, unmadeRev), rev: unmadeRev }
      return answer(c, 200, renderNode('get', key, unmade), unmadeRev)
    }
    case 'create': {
      if (scope === 'read') return fail(c, 412, 105, [key, unmadeRev])
      if (request.written.holders.length > 0) return fail(c, 400, 209, ['value: a new semaphore has no holders'])
      const { result, after } = logLock(lockRequest, group, await createGroup(locking, group, request.written.max))
      if (result === 'exists') return fail(c, 412, 105, [key, after.rev])
      return answer(c, 201, renderNode('create', key, after), after.rev)
    }
    case 'swap':
      return scope === 'read' ? denied(c, 'this token may only read') : swap(lockRequest, { key, group }, request)
  }
}

async function swap(
  request: LockRequest,
  { key, group }: EtcdKey,
  { index, written }: Extract<EtcdRequest, { readonly kind: 'swap' }>,
): Promise<Response> {
  const { c } = request
  const swapping = { index, written, held: await heldIn(request, group) }
  const { result, before, after } = logLock(request, group, await swapSemaphore(request.locks.locking, group, swapping))
  const compared = `[${index} != ${after.rev}]`
  switch (result.kind) {
    case 'swapped':
      return answer(c, 200, renderNode('compareAndSwap', key, after, before), after.rev)
    case 'absent':
      return fail(c, 404, 100, [key])
    case 'stale':
      return fail(c, 412, 101, [compared, after.rev])
    case 'vetoed':
      return fail(c, 412, 101, [`${compared} ${result.reason}`, after.rev])
    case 'refused':
      return fail(c, 400, 209, [`value: ${result.reason}`, after.rev])
  }
}
