/** What both protocols of reboot locks have in common. */
import type { Context } from 'hono'
import { type Background, currentCatalog } from '../../catalog/cache.ts'
import { answering, type LockAsk, type Serving } from '../../checks/serving.ts'
import { basicOf, isSameSecret } from '../../http/credentials.ts'
import { requestLog } from '../../http/request-id.ts'
import type { ErrorCode } from '../../kernel/errors.ts'
import { channelsOfGroup, holdIn } from '../holds.ts'
import { unasked, type Veto } from '../semaphore.ts'
import { type LockRight, type LockToken, lockRights } from '../settings.ts'
import type { Locking, LockOutcome } from '../store.ts'
import type { Memory } from './recent.ts'

export const noStore = { 'cache-control': 'no-store' } as const

/** What it takes to answer for reboot locks. */
export interface Locks {
  readonly locking: Locking
  /** Without any, everyone who reaches the server may read and write. */
  readonly tokens: readonly LockToken[]
  /** The group of the machines of a channel, by `app/channel`. */
  readonly channels: ReadonlyMap<string, string>
  /** Whether the first machine of a group makes it. */
  readonly creates?: boolean
  readonly memory: Memory
}

/** One request, with its path without the token. */
export interface LockRequest {
  readonly c: Context
  readonly path: string
  readonly access: Access
  /** The id of the machine that asks, where it names itself: as the user of Basic, or in its path. */
  readonly machine: string | undefined
  readonly serving: Serving
  readonly locks: Locks
}

/** A protocol: how it answers, and how it words an error. */
export interface LockProtocol {
  answer(request: LockRequest): Promise<Response>
  refuse(c: Context, status: 400 | 413 | 500 | 503, words: string, code: ErrorCode | undefined): Response
}

/** What the token that a request shows is for. */
export interface Access {
  /** Whether it is for anything. */
  readonly isKnown: boolean
  may(right: LockRight, group: string): boolean
}

export const accessOf = (tokens: readonly Omit<LockToken, 'token'>[]): Access => ({
  isKnown: tokens.length > 0,
  may: (right, group) =>
    tokens.some((one) => lockRights.indexOf(one.right) >= lockRights.indexOf(right) && (one.group ?? group) === group),
})

/**
 * Compares with every token, each in a time that does not depend on where they differ. Clients can send a token only in the
 * path, or as the password of Basic.
 */
export async function readAccess(
  c: Context,
  inPath: string | undefined,
  tokens: readonly LockToken[],
): Promise<Access> {
  if (tokens.length === 0) return accessOf(inPath === undefined ? [{ right: 'admin' }] : [])
  const shown = inPath ?? basicOf(c.req.raw.headers).password
  const matches = await Promise.all(tokens.map(({ token }) => isSameSecret(shown, token)))
  return accessOf(tokens.filter((_, i) => matches[i]))
}

/** @param inPath percent-encoded. */
export function machineOf(c: Context, inPath: string | undefined): string | undefined {
  try {
    return inPath === undefined ? basicOf(c.req.raw.headers).user || undefined : decodeURIComponent(inPath)
  } catch {
    return undefined
  }
}

/** Where a request comes from, as the runtime tells: a proxy's address is that of all behind it. */
export function peerOf({ env, req }: Context): string | undefined {
  const { incoming, remoteAddr } = (env ?? {}) as Peered
  return incoming?.socket.remoteAddress ?? remoteAddr?.hostname ?? req.header('cf-connecting-ip')
}

/** What servers pass on beside a request. */
interface Peered {
  readonly incoming?: { readonly socket: { readonly remoteAddress?: string } }
  readonly remoteAddr?: { readonly hostname?: string }
}

/** Who asks: a machine that names itself, else its address. `any` is no name: a token is its password. */
export function callerOf({ c, machine }: LockRequest): Pick<LockAsk, 'id' | 'isAddress' | 'via'> {
  const name = machine === 'any' ? undefined : machine
  return { id: name ?? peerOf(c), via: 'locksmith', ...(name === undefined && { isAddress: true }) }
}

/** For people: machines are answered the same. */
export async function noteQueue({ serving, c }: LockRequest, asked: LockAsk): Promise<void> {
  for (const { lockQueue } of serving.extensions ?? []) await lockQueue?.note(asked, serving.background(c))
}

export const reasonOf = ({ kind: reason, reason: words }: Veto) => ({ reason, words })

export const heldIn = ({ c, serving, locks }: LockRequest, group: string): Promise<string | undefined> =>
  heldNow(answering(serving, c), locks, group)

/** The hold in a channel of a group, in words. A catalog that cannot be read counts as a hold. */
export async function heldNow(
  { cache, reader, background }: Pick<Serving, 'cache' | 'reader'> & { readonly background?: Background },
  { channels }: Pick<Locks, 'channels'>,
  group: string,
): Promise<string | undefined> {
  const refs = channelsOfGroup(channels, group)
  if (refs.length === 0) return undefined
  const state = await currentCatalog(cache, reader, background)
  if ('reason' in state) return `cannot check ${refs.join(', ')} for holds: ${state.message}`
  return holdIn(state.catalog.catalog, refs)
}

/**
 * Tries without the gates first: they are asked only where a slot would be given, and nothing waits for their answer but this
 * request.
 */
export async function throughGates<Done extends LockOutcome<unknown>>(
  request: LockRequest,
  group: string,
  attempt: (gate: Veto | undefined) => Promise<Done>,
): Promise<Done> {
  const gate = request.serving.extensions?.find(({ lockGate }) => lockGate?.has(group))?.lockGate
  const first = await attempt(gate && unasked)
  if (gate === undefined || vetoIn(first.result) !== unasked) return logLock(request, group, first)
  const reason = await gate.ask(group)
  return logLock(request, group, await attempt(reason === undefined ? undefined : { kind: 'gate', reason }))
}

/** Logs changes and vetoes, and wakes what delivers them. */
export async function logLock<T extends LockOutcome<unknown>>({ serving, c }: LockRequest, group: string, done: T) {
  const log = requestLog(serving.reader.log, c.req.raw)
  for (const { what, ...event } of done.events)
    log({ level: what === 'expire' ? 'warn' : 'info', event: 'lock', what, group, ...event })
  if (done.events.length > 0)
    for (const { lockHook } of serving.extensions ?? []) await lockHook?.wake(group, serving.background(c))
  const veto = vetoIn(done.result)
  if (veto) log({ level: 'info', event: 'lock', what: 'refused', group, ...veto })
  return done
}

const vetoIn = (result: unknown): Veto | undefined =>
  typeof result === 'object' && result !== null && 'veto' in result ? (result.veto as Veto) : undefined
