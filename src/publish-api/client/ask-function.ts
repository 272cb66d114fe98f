/** Asks a publish function, by `fetch`: what it refuses comes back as the error that it is. */
import { type ErrorCode, PlatteError } from '../../kernel/errors.ts'

/** What a status stands for, as `http/app.ts` gives it. */
const codes: Readonly<Record<number, ErrorCode>> = {
  400: 'usage',
  401: 'unauthorized',
  403: 'refused',
  404: 'configuration',
  405: 'configuration',
  409: 'conflict',
  413: 'too-large',
  422: 'mismatch',
  424: 'credentials',
}
const timeoutMs = 120_000
const maxAnswerBytes = 1024 * 1024

export interface FunctionRequest {
  readonly url: string
  readonly method?: 'POST' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Blob
  /** How often it is asked where the other end fails. */
  readonly attempts?: number
}

/**
 * Asks, and asks again where the answer was lost or the other end failed: what is asked is safe to repeat.
 * @returns the answer's text.
 * @throws PlatteError of the code and with the words that came back; 'store-unavailable' where nothing did.
 */
export async function callFunction({
  url,
  method = 'POST',
  headers = {},
  body,
  attempts = 4,
}: FunctionRequest): Promise<string> {
  let failure: PlatteError | undefined
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(500 * 2 ** attempt, 10_000)))
    try {
      const response = await fetch(url, {
        ...{ method, headers, body: body ?? null, signal: AbortSignal.timeout(timeoutMs), redirect: 'error' },
      })
      const text = (await response.text()).slice(0, maxAnswerBytes)
      if (response.ok) return text
      failure = refusalOf(response.status, text, url)
      if (response.status <= 500) throw failure
    } catch (cause) {
      if (cause instanceof PlatteError) throw cause
      const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)
      failure = new PlatteError('store-unavailable', `${new URL(url).origin} did not answer: ${why}`, {
        hint: 'run the same command again: it goes on where it ended',
        cause,
      })
    }
  }
  throw failure
}

function refusalOf(status: number, text: string, url: string): PlatteError {
  const [words = '', hint] = text
    .replace(/^error: /, '')
    .trimEnd()
    .split('\nhint: ')
  const { origin, pathname } = new URL(url)
  const told = status === 404 ? `${origin} has no ${pathname.replace(/(uploads\/).+/, '$1…')}: ${words}` : words
  return new PlatteError(codes[status] ?? 'store-unavailable', told || `${origin} answered ${status}`, {
    ...(hint && { hint }),
  })
}
