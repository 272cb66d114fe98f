/**
 * Fetches from an untrusted web server: bounds redirects, silence and bytes, sends nothing of ours along, and names only
 * the origin of a URL in errors. Only web APIs.
 */
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import { streamFrom } from '../streams.ts'

/** Platte needs one for a package; proxies before a bucket may need more. */
const redirectsAtMost = 5
const redirects: readonly number[] = [301, 302, 303, 307, 308]

export interface FetchRequest {
  readonly method?: 'GET' | 'HEAD'
  readonly url: string
  readonly key: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Gives up on a server that sends nothing for this long while a reader waits. */
  readonly idleMs: number
  /** Bounds the whole request; without it only silence is bounded. */
  readonly totalMs?: number
}

/** The caller reads the body to its end, cancels it, or drops it. */
export type FetchResponse = ReturnType<typeof answerOf>

/** @throws PlatteError('store-unavailable') without an answer, after too many redirects, or for a re-encoded body. */
export async function fetchBounded(question: FetchRequest): Promise<FetchResponse> {
  const { method = 'GET', key } = question
  const watch = watchOver(question)
  // A compressed answer would have other lengths and ranges.
  const headers = { ...question.headers, 'accept-encoding': 'identity' }
  try {
    let url = new URL(question.url)
    for (let hops = 0; hops <= redirectsAtMost; hops++) {
      const asking = fetch(url.href, { method, headers, redirect: 'manual', signal: watch.signal })
      const response = await watch.during(asking)
      if (!redirects.includes(response.status)) return await plain(key, answerOf(response, url.origin, watch))
      await drop(response)
      url = placeOf(response.headers.get('location'), url, question)
    }
    throw unavailable(key, `${url.origin} redirects more than ${redirectsAtMost} times`)
  } catch (error) {
    watch.end()
    throw error
  }
}

function placeOf(location: string | null, from: URL, { key, url: asked }: FetchRequest): URL {
  const url = location !== null && URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (url === undefined) throw unavailable(key, `${from.origin} redirects without a valid Location`)
  if (!['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw unavailable(key, `${from.origin} redirects to a URL that is not plain http(s)`)
  if (!isRedirectAllowed(new URL(asked), url))
    throw unavailable(key, `${from.origin} redirects to ${url.host}, an address of this machine or its network`)
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

function watchOver({ url, key, idleMs, totalMs }: FetchRequest) {
  const { origin } = new URL(url)
  const abort = new AbortController()
  const endAfter = (ms: number, words: string) => setTimeout(() => abort.abort(unavailable(key, words)), ms)
  const total = totalMs && endAfter(totalMs, `did not come from ${origin} within ${totalMs} ms`)
  const end = () => clearTimeout(total)
  return {
    ...{ key, signal: abort.signal, end },
    /** @throws PlatteError('store-unavailable') if `work` fails or takes too long. */
    async during<T>(work: Promise<T>): Promise<T> {
      const idle = endAfter(idleMs, `nothing came from ${origin} for ${idleMs} ms`)
      try {
        return await work
      } catch (cause) {
        end()
        if (cause instanceof PlatteError) throw cause
        throw unavailable(key, `cannot be read from ${origin}: ${reasonOf(cause)}`, { cause })
      } finally {
        clearTimeout(idle)
      }
    },
  }
}

function answerOf(response: Response, origin: string, watch: Watch) {
  const { status, headers } = response
  const length = headers.get('content-length') ?? ''
  return {
    ...{ status, headers, origin },
    /** In bytes, if announced. */
    length: /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    /** The body, read on demand. Fails with 'store-unavailable' if it stops, breaks off, or has another length. */
    body: (exactly: number | undefined) => bodyOf(response, exactly, watch),
    drop: async () => {
      watch.end()
      await drop(response)
    },
  }
}

const drop = async ({ body }: Response): Promise<void> => body?.cancel().catch(() => undefined)

function bodyOf({ body }: Response, length: number | undefined, watch: Watch): ReadableStream<Uint8Array> {
  const reader = body?.getReader()
  let size = 0
  const next = async (): Promise<Uint8Array | undefined> => {
    const { value } = reader === undefined ? {} : await watch.during(reader.read())
    if (value === undefined) watch.end()
    size += value?.length ?? 0
    const isWrong = length !== undefined && (value === undefined ? size < length : size > length)
    if (!isWrong) return value
    await reader?.cancel().catch(() => undefined)
    throw unavailable(watch.key, `${size} bytes came where ${length} were announced`)
  }
  return streamFrom(next, (reason) => {
    watch.end()
    return reader?.cancel(reason)
  })
}

const checkUrl = 'check the URL in PLATTE_STORE or PLATTE_UPSTREAM, and that this machine reaches it'

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

/** Whether a server may redirect to another host: never to a link address, and no nearer than it is itself. */
export function isRedirectAllowed(from: URL, to: URL): boolean {
  const target = addressScope(to.hostname)
  return target === 'far' || (target !== 'link' && addressScope(from.hostname) !== 'far') || from.host === to.host
}

/**
 * How near a host is, as URLs write it. `link` addresses give out cloud credentials; no outsider may redirect us to them.
 * A name that resolves to a near address is not recognised.
 * @see RFC 6890; hosts come from `URL`, which writes every IPv4 address as four numbers.
 */
export function addressScope(host: string): 'link' | 'machine' | 'network' | 'far' {
  const address = host.replace(/^\[|\]$/g, '')
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address)
  if (mapped !== null) return addressScope(dotted(mapped[1] ?? '', mapped[2] ?? ''))
  return forms.find(([form]) => form.test(address))?.[1] ?? 'far'
}

const forms: readonly (readonly [RegExp, 'link' | 'machine' | 'network'])[] = [
  [/^169\.254\.\d+\.\d+$|^fe[89ab][0-9a-f]:|^fd00:ec2::/, 'link'],
  [/^127\.\d+\.\d+\.\d+$|^0\.\d+\.\d+\.\d+$|^::1?$|^localhost\.?$|\.localhost\.?$/, 'machine'],
  [/^10\.\d+\.\d+\.\d+$|^192\.168\.\d+\.\d+$|^172\.(1[6-9]|2\d|3[01])\.\d+\.\d+$/, 'network'],
  [/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+$|^f[cd][0-9a-f]{2}:/, 'network'],
]

function dotted(high: string, low: string): string {
  const value = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
}
