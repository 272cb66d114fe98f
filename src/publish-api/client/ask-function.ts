/** Asks a publish function, by `fetch`: a refusal comes back as the error that it is there. */
import { readAtMost } from '../../http/body.ts'
import { type Problem, problemType } from '../../http/problem.ts'
import { type ErrorCode, errorCodes, PlatteError } from '../../kernel/errors.ts'
import { parseJsonObject } from '../../kernel/json.ts'

/** For an answer without one of Platte's own codes, such as a gateway's. */
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
  /** The most requests while the other end fails. */
  readonly attempts?: number
}

/**
 * Repeats a request whose answer was lost: every request is safe to repeat.
 * @throws PlatteError of the answer's code and words; 'store-unavailable' without an answer.
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
      const text = new TextDecoder().decode(await readAtMost(response.body, maxAnswerBytes))
      if (response.ok) return text
      failure = refusalOf(response, text, url)
      if (response.status <= 500) throw failure
    } catch (cause) {
      if (cause instanceof PlatteError) throw cause
      const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)
      failure = new PlatteError('store-unavailable', `${new URL(url).origin} did not answer: ${why}`, {
        hint: 'run the same command again: it resumes',
        cause,
      })
    }
  }
  throw failure
}

function refusalOf({ status, headers }: Response, text: string, url: string): PlatteError {
  const isProblem = headers.get('content-type')?.startsWith(problemType)
  const { code, detail = '', hint }: Partial<Problem> = (isProblem && parseJsonObject(text)) || {}
  const { origin, pathname } = new URL(url)
  const words = detail || `${origin} answered ${status}`
  // The id of an upload is a secret.
  const path = pathname.replace(/(uploads\/).+/, '$1…')
  return new PlatteError(
    errorCodes.find((one) => one === code && one !== 'bad-request') ?? codes[status] ?? 'store-unavailable',
    status === 404 ? `${origin} has no ${path}: ${words}` : words,
    { ...(hint !== undefined && { hint }) },
  )
}
