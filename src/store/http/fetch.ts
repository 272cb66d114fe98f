/**
 * Fetches from an untrusted web server: bounds redirects, silence and bytes, sends nothing of ours along, and names only
 * the origin of a URL in errors. Only web APIs.
 */
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import { streamFrom } from '../../kernel/streams.ts'
import { addressScope, isRedirectAllowed, type Scope } from './address.ts'
import type { Pace } from './pace.ts'
import type { Reply, Sending, Transport } from './transport.ts'

/** Platte needs one for a package; proxies before a bucket may need more. */
const redirectsAtMost = 5
const redirects: readonly number[] = [301, 302, 303, 307, 308]
const keepingBody: readonly number[] = [307, 308]

/** A server that an operator chose, and how near it turned out to be: what it redirects to or names is judged by that. */
export interface Configured {
  readonly url: string
  scope: Scope
  isResolved: boolean
}

export const configuredAt = (url: string): Configured => ({
  ...{ url, scope: addressScope(new URL(url).hostname), isResolved: false },
})

export interface FetchRequest {
  readonly method?: Sending['method']
  readonly body?: string
  readonly url: string
  /** The server that named the URL; by default the URL itself was configured. */
  readonly from?: Configured | undefined
  readonly key: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** How the runtime connects. */
  readonly transport: Transport
  /** Gives up on a server that sends nothing for this long while a reader waits. */
  readonly idleMs: number
  /** Bounds the whole request; without it only silence is bounded. */
  readonly totalMs?: number
  /** Bounds slowness, for bodies of any size. */
  readonly pace?: Pace
}

/** The caller reads the body to its end, cancels it, or drops it. */
export type FetchResponse = ReturnType<typeof answerOf>

/** @throws PlatteError('store-unavailable') without an answer, after too many redirects, or for a re-encoded body. */
export async function fetchBounded(question: FetchRequest): Promise<FetchResponse> {
  const { method = 'GET', body, key, transport } = question
  const watch = watchOver(question)
  // A compressed answer would have other lengths and ranges.
  const all: Readonly<Record<string, string>> = { ...question.headers, 'accept-encoding': 'identity' }
  // A token is for the server that was asked, and for no other.
  const { authorization: _, ...elsewhere } = all
  const judgeFor = guardOf(question)
  try {
    let url = new URL(question.url)
    const { origin } = url
    for (let hops = 0; hops <= redirectsAtMost; hops++) {
      const headers = url.origin === origin ? all : elsewhere
      const sending = { method, body, url, headers, signal: watch.signal, ...judgeFor(url, hops === 0) }
      const reply = await watch.during(transport(sending))
      if (!redirects.includes(reply.status)) return await plain(key, answerOf(reply, url.origin, watch))
      await reply.drop()
      if (body !== undefined && !keepingBody.includes(reply.status))
        throw unavailable(key, `${url.origin} answers a POST with the redirect ${reply.status}, which loses it`)
      url = placeOf(reply.headers.get('location'), url, key)
    }
    throw unavailable(key, `${url.origin} redirects more than ${redirectsAtMost} times`)
  } catch (error) {
    watch.end()
    throw error
  }
}

/**
 * Judges each host, and each address that it resolves to. The configured host may be anywhere, since the operator chose
 * it; but a name of it does not lead to a link address: who answers for that name did not choose it.
 */
function guardOf({ url: asked, key, from = configuredAt(asked) }: FetchRequest) {
  const { host, origin } = new URL(from.url)
  const refuse = (words: string): never => {
    throw unavailable(key, `${origin} ${words}, an address of this machine or its network`)
  }
  const judgeConfigured = (address: string): void => {
    const scope = addressScope(address)
    if (scope === 'never') refuse('resolves to a link-local or reserved address')
    // The farthest of several addresses counts: a public server must not redirect to a private address.
    if (!from.isResolved || scope === 'far' || from.scope === 'machine') from.scope = scope
    from.isResolved = true
  }
  return (url: URL, isAsked: boolean): Pick<Sending, 'judge' | 'isKept'> => {
    if (url.host === host) return { judge: judgeConfigured, isKept: true }
    const judge = (target: string): void => {
      if (isRedirectAllowed(from.scope, addressScope(target))) return
      refuse(`${isAsked ? 'names' : 'redirects to'} ${url.host}`)
    }
    judge(url.hostname)
    return { judge, isKept: false }
  }
}

function placeOf(location: string | null, from: URL, key: string): URL {
  const url = location !== null && URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (url === undefined) throw unavailable(key, `${from.origin} redirects without a valid Location`)
  if (!['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw unavailable(key, `${from.origin} redirects to a URL that is not plain http(s)`)
  return url
}

/** `fetch` decodes such a body even unasked: lengths and ranges would be of other bytes. */
async function plain(key: string, answer: FetchResponse): Promise<FetchResponse> {
  const encoding = answer.headers.get('content-encoding') ?? 'identity'
  if (encoding === 'identity' || ![200, 206].includes(answer.status)) return answer
  await answer.drop()
  throw unavailable(key, `${answer.origin} sends it with a Content-Encoding`, {
    hint: 'configure that server to send every file without Content-Encoding, *.gz too',
  })
}

type Watch = ReturnType<typeof watchOver>

function watchOver({ url, key, idleMs, totalMs, pace }: FetchRequest) {
  const { origin } = new URL(url)
  const abort = new AbortController()
  const endAfter = (ms: number, words: string) => setTimeout(() => abort.abort(unavailable(key, words)), ms)
  const total = totalMs && endAfter(totalMs, `did not come from ${origin} within ${totalMs} ms`)
  const end = () => clearTimeout(total)
  return {
    ...{ key, signal: abort.signal, end, pace },
    /** @throws PlatteError('store-unavailable') if `work` fails or takes too long. */
    async during<T>(work: Promise<T>): Promise<T> {
      const idle = endAfter(idleMs, `nothing came from ${origin} for ${idleMs} ms`)
      const endWait = pace?.wait(() => abort.abort(unavailable(key, `${origin} sends it too slowly`)))
      try {
        return await work
      } catch (cause) {
        end()
        // `fetch` throws the reason of an abort, node:http an error of its own.
        const reason = abort.signal.reason ?? cause
        if (reason instanceof PlatteError) throw reason
        throw unavailable(key, `cannot be read from ${origin}: ${reasonOf(cause)}`, { cause })
      } finally {
        clearTimeout(idle)
        endWait?.()
      }
    },
  }
}

function answerOf(reply: Reply, origin: string, watch: Watch) {
  const { status, headers } = reply
  const length = headers.get('content-length') ?? ''
  return {
    ...{ status, headers, origin },
    /** In bytes, if announced. */
    length: /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    /** The body, read on demand. Fails with 'store-unavailable' if it stops, breaks off, or has another length. */
    body: (exactly: number | undefined) => bodyOf(reply, exactly, watch),
    drop: async () => {
      watch.end()
      await reply.drop()
    },
  }
}

function bodyOf(reply: Reply, length: number | undefined, watch: Watch): ReadableStream<Uint8Array> {
  let size = 0
  const next = async (): Promise<Uint8Array | undefined> => {
    const value = await watch.during(reply.read())
    if (value === undefined) watch.end()
    size += value?.length ?? 0
    watch.pace?.add(value?.length ?? 0)
    const isWrong = length !== undefined && (value === undefined ? size < length : size > length)
    if (!isWrong) return value
    await reply.drop()
    throw unavailable(watch.key, `${size} bytes came where ${length} were announced`)
  }
  return streamFrom(next, async () => {
    watch.end()
    await reply.drop()
  })
}

const checkUrl = 'check that URL (a setting may name it, such as PLATTE_STORE), and that this machine reaches it'

export const unavailable = (
  key: string,
  words: string,
  options?: { readonly hint?: string; readonly cause?: unknown },
): PlatteError => new PlatteError('store-unavailable', `${key}: ${words}`, { hint: checkUrl, ...options })

/** `fetch` says "fetch failed"; the reason is its cause. */
function reasonOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {}
  if (!(cause instanceof Error)) return messageOf(error)
  // TLS ends its sentences with a line feed.
  return cause.message.trim() || ('code' in cause ? String(cause.code) : cause.name)
}
