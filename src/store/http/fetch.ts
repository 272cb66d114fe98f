/**
 * Fetches from an untrusted web server: bounds redirects, silence and bytes, sends nothing of ours along, and names only
 * the origin of a URL in errors. Only web APIs.
 */
import { PlatteError } from '../../kernel/errors.ts'
import { isRedirectAllowed } from './address-scope.ts'

/** Platte needs one for a package; proxies before a bucket may need more. */
const redirectsAtMost = 5
const redirects: readonly number[] = [301, 302, 303, 307, 308]

export interface FetchRequest {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  /** For messages. */
  readonly key: string
  readonly headers?: Readonly<Record<string, string>>
  /** Gives up on a server that sends nothing for this long while a reader waits. */
  readonly idleMs: number
  /** Bounds the whole request; without it only silence is bounded. */
  readonly totalMs?: number
}

/** The caller reads the body to its end, cancels it, or drops it. */
export interface FetchResponse {
  readonly status: number
  readonly headers: Headers
  /** In bytes, if announced. */
  readonly length: number | undefined
  /** For messages. */
  readonly origin: string
  /** The body, read on demand. Fails with 'store-unavailable' if it stops, breaks off, or has another length. */
  body(length: number | undefined): ReadableStream<Uint8Array>
  drop(): Promise<void>
}

/** @throws PlatteError('store-unavailable') without an answer, after too many redirects, or for a re-encoded body. */
export async function fetchBounded(question: FetchRequest): Promise<FetchResponse> {
  const watch = watchOver(question)
  try {
    let url = new URL(question.url)
    for (let hops = 0; hops <= redirectsAtMost; hops++) {
      const response = await watch.during(fetch(url.href, initOf(question, watch)))
      if (!redirects.includes(response.status)) return await plain(question.key, answerOf(response, url.origin, watch))
      await drop(response)
      url = placeOf(response.headers.get('location'), url, question)
    }
    throw unavailable(question.key, `${url.origin} redirects more than ${redirectsAtMost} times`)
  } catch (error) {
    watch.end()
    throw error
  }
}

const initOf = ({ method, headers }: FetchRequest, { signal }: Watch): RequestInit => ({
  method,
  // A compressed answer would have other lengths and ranges.
  headers: { ...headers, 'accept-encoding': 'identity' },
  redirect: 'manual',
  signal,
})

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

interface Watch {
  readonly key: string
  readonly signal: AbortSignal
  /** @throws PlatteError('store-unavailable') if `work` fails or takes too long. */
  during<T>(work: Promise<T>): Promise<T>
  end(): void
}

function watchOver({ url, key, idleMs, totalMs }: FetchRequest): Watch {
  const { origin } = new URL(url)
  const abort = new AbortController()
  const endAfter = (ms: number, words: string) => setTimeout(() => abort.abort(unavailable(key, words)), ms)
  const total =
    totalMs === undefined ? undefined : endAfter(totalMs, `did not come from ${origin} within ${totalMs} ms`)
  const end = () => clearTimeout(total)
  return {
    key,
    signal: abort.signal,
    async during(work) {
      const idle = endAfter(idleMs, `nothing came from ${origin} for ${idleMs} ms`)
      try {
        return await work
      } catch (error) {
        end()
        if (error instanceof PlatteError) throw error
        throw unavailable(key, `cannot be read from ${origin}: ${reasonOf(error)}`, { cause: error })
      } finally {
        clearTimeout(idle)
      }
    },
    end,
  }
}

function answerOf(response: Response, origin: string, watch: Watch): FetchResponse {
  const { status, headers } = response
  const length = headers.get('content-length') ?? ''
  return {
    status,
    headers,
    origin,
    length: /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    body: (exactly) => bodyOf(response, exactly, watch),
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
    size += value?.length ?? 0
    const isWrong = length !== undefined && (value === undefined ? size < length : size > length)
    if (!isWrong) return value
    await reader?.cancel().catch(() => undefined)
    throw unavailable(watch.key, `${size} bytes came where ${length} were announced`)
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await next()
        if (chunk !== undefined) return controller.enqueue(chunk)
        watch.end()
        controller.close()
      },
      async cancel(reason) {
        watch.end()
        await reader?.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

export const unavailable = (
  key: string,
  words: string,
  {
    hint = 'check the URL in PLATTE_STORE or PLATTE_UPSTREAM, and that this machine reaches it',
    cause,
  }: {
    readonly hint?: string
    readonly cause?: unknown
  } = {},
): PlatteError => new PlatteError('store-unavailable', `${key}: ${words}`, { hint, cause })

/** `fetch` says "fetch failed"; the reason is its cause. */
function reasonOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {}
  if (!(cause instanceof Error)) return error instanceof Error ? error.message : String(error)
  // TLS ends its sentences with a line feed.
  return cause.message.trim() || ('code' in cause ? String(cause.code) : cause.name)
}
