/**
 * Asks a web server that nobody vouches for: redirects, silence and bytes are bounded, nothing of ours is sent along,
 * and whatever goes wrong is said without more of a URL than its origin. Only web APIs.
 */
import { PlatteError } from '../../kernel/errors.ts'
import { isRedirectAllowed } from './address-scope.ts'

/** Platte needs one for a package; some more are for what stands before a bucket. */
const redirectsAtMost = 5
const redirects: readonly number[] = [301, 302, 303, 307, 308]

export interface FetchRequest {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  /** What messages call it. */
  readonly key: string
  readonly headers?: Readonly<Record<string, string>>
  /** A server from which nothing comes for so long, while somebody waits, is given up. */
  readonly idleMs: number
  /** All of it takes no longer; without it, as long as something comes. */
  readonly totalMs?: number
}

/** What came back. Who gets one reads its body to the end, cancels it, or drops it. */
export interface FetchResponse {
  readonly status: number
  readonly headers: Headers
  /** In bytes, where it was announced. */
  readonly length: number | undefined
  /** For messages. */
  readonly origin: string
  /**
   * The body, read only when asked. It fails with PlatteError('store-unavailable') where it breaks off or comes to a stop.
   * @param length it also fails where it has another one.
   */
  body(length: number | undefined): ReadableStream<Uint8Array>
  drop(): Promise<void>
}

/** @throws PlatteError('store-unavailable') where there is no answer, no end of redirects, or one that was re-encoded. */
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
    throw unavailable(question.key, `${url.origin} redirects on and on`)
  } catch (error) {
    watch.end()
    throw error
  }
}

const initOf = ({ method, headers }: FetchRequest, { signal }: Watch): RequestInit => ({
  method,
  // Else a server may send other bytes than it has, and a range of those.
  headers: { ...headers, 'accept-encoding': 'identity' },
  redirect: 'manual',
  signal,
})

function placeOf(location: string | null, from: URL, { key, url: asked }: FetchRequest): URL {
  const url = location !== null && URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (url === undefined) throw unavailable(key, `${from.origin} redirects to no place`)
  if (!['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw unavailable(key, `${from.origin} redirects to what is no plain http(s) URL`)
  if (!isRedirectAllowed(new URL(asked), url))
    throw unavailable(key, `${from.origin} redirects to ${url.host}, which is of this machine or its network`)
  return url
}

/** `fetch` decodes what is labelled as encoded, whoever asked for it: lengths and ranges would be of other bytes. */
async function plain(key: string, answer: FetchResponse): Promise<FetchResponse> {
  const encoding = answer.headers.get('content-encoding') ?? 'identity'
  if (encoding === 'identity' || ![200, 206].includes(answer.status)) return answer
  await answer.drop()
  throw unavailable(key, `${answer.origin} sends it with a Content-Encoding`, {
    hint: 'let that server send every file as it is, *.gz too, without Content-Encoding',
  })
}

/** Ends what takes too long. */
interface Watch {
  readonly key: string
  readonly signal: AbortSignal
  /** @throws PlatteError('store-unavailable') where `work` fails, or nothing comes of it in time. */
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

/** An error of this store, which says nothing about what it holds. */
export const unavailable = (
  key: string,
  words: string,
  {
    hint = 'look whether PLATTE_STORE, or the upstream, names the right place, and whether it can be reached from here',
    cause,
  }: {
    readonly hint?: string
    readonly cause?: unknown
  } = {},
): PlatteError => new PlatteError('store-unavailable', `${key}: ${words}`, { hint, cause })

/** `fetch` says "fetch failed", and hangs the reason on that. */
function reasonOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {}
  if (!(cause instanceof Error)) return error instanceof Error ? error.message : String(error)
  // TLS ends its sentences with a line feed.
  return cause.message.trim() || ('code' in cause ? String(cause.code) : cause.name)
}
