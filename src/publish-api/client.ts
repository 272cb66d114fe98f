/** The client of a publish function: the identity token of the pipeline that this runs in, and requests. */
import { execFile } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isConfidential } from '../http/credentials.ts'
import { type Problem, problemType } from '../http/problem.ts'
import { type ErrorCode, errorCodes, messageOf, PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import type { Environment } from '../kernel/setting.ts'
import { readAtMost, streamFrom } from '../kernel/streams.ts'
import type { Reply, Sending } from '../store/http/transport.ts'
import { nodeTransport } from '../store/http/transport-node.ts'

const tokenTimeoutMs = 20_000
const transport = nodeTransport()

/**
 * Finds a token for an audience: the given one, which GitLab's `id_tokens` sets; one of GitHub Actions; or one of
 * Buildkite's agent. Nothing here prints or logs one. @throws PlatteError('unauthorized') without any.
 */
export async function findIdToken(given: string | undefined, env: Environment, audience: string): Promise<string> {
  if (given) return given
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = env
  if (url && bearer) return orNone('the token service of GitHub Actions', askGitHub(url, bearer, audience))
  if (env.BUILDKITE === 'true') return orNone('buildkite-agent oidc request-token', askBuildkite(audience))
  throw new PlatteError('unauthorized', 'this process has no identity token', {
    hint: 'GitHub: permissions: id-token: write; GitLab: id_tokens: PLATTE_ID_TOKEN: aud: …; elsewhere set PLATTE_ID_TOKEN',
  })
}

const orNone = (who: string, asking: Promise<string>): Promise<string> =>
  asking.catch((cause: unknown) => {
    throw new PlatteError('unauthorized', `${who} gave no token: ${messageOf(cause)}`, {
      hint: 'let the job have permission for id tokens, then run it again',
    })
  })

/** @throws PlatteError('configuration') where others on the way could read a token, and use it. */
export function requireConfidential(url: URL, setting: string): void {
  if (isConfidential(url)) return
  throw new PlatteError('configuration', `${setting}: ${url.origin} gets no token: it would travel unencrypted`, {
    hint: 'use https://; http:// is for 127.0.0.1, [::1] and localhost only',
  })
}

async function askGitHub(url: string, bearer: string, audience: string): Promise<string> {
  const ref = new URL(url)
  requireConfidential(ref, 'ACTIONS_ID_TOKEN_REQUEST_URL')
  ref.searchParams.set('audience', audience)
  const headers = { authorization: `Bearer ${bearer}`, accept: 'application/json' }
  const value = parseJsonObject(await callFunction({ url: ref.href, method: 'GET', headers }))?.value
  if (typeof value === 'string' && value !== '') return value
  throw new Error('it answered without one')
}

async function askBuildkite(audience: string): Promise<string> {
  // Its tokens hold the claims that a policy must name only on request.
  const claims = ['organization_id', 'pipeline_id'].flatMap((claim) => ['--claim', claim])
  const args = ['oidc', 'request-token', '--audience', audience, ...claims]
  const { stdout } = await promisify(execFile)('buildkite-agent', args, { timeout: tokenTimeoutMs })
  return stdout.trim()
}

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
/** Below 500: try the same later. */
const later = [408, 425, 429]
/** A defect there is mostly the same the next time. */
const maxDefects = 4
const maxWaitMs = 60_000
const timeoutMs = 120_000
const maxAnswerBytes = 1024 * 1024

export interface FunctionRequest extends Partial<Pick<Sending, 'method' | 'headers' | 'body'>> {
  readonly url: string
  /** The most requests while the other end fails. */
  readonly attempts?: number
}

/**
 * Repeats a request that failed there or whose answer was lost: every request is safe to repeat.
 * @throws PlatteError of the answer's code and words; 'store-unavailable' without an answer.
 */
export async function callFunction({ url, attempts = 4, headers = {}, ...request }: FunctionRequest): Promise<string> {
  let failure: PlatteError | undefined
  let waitMs = 0
  for (let attempt = 1; attempt <= attempts; attempt++) {
    await setTimeout(waitMs)
    waitMs = Math.min(500 * 2 ** attempt, 10_000)
    try {
      const { status, text, headers: received } = await send(url, { ...request, headers })
      if (status >= 200 && status < 300) return text
      failure = refusalOf({ status, headers: received }, text, url)
      if ((status < 500 && !later.includes(status)) || (status === 500 && attempt >= maxDefects)) throw failure
      waitMs = Math.max(waitMs, retryAfterMs(received))
    } catch (cause) {
      if (cause instanceof PlatteError) throw cause
      const why = messageOf(cause)
      const hint = 'run the same command again: it resumes'
      failure = new PlatteError('store-unavailable', `${new URL(url).origin} did not answer: ${why}`, { hint, cause })
    }
  }
  throw failure
}

/** Redirects are not followed: a token is for the server that was named. */
async function send(url: string, request: Pick<Sending, 'headers'> & Partial<Pick<Sending, 'method' | 'body'>>) {
  const headers = { 'user-agent': 'platte', ...request.headers }
  const signal = AbortSignal.timeout(timeoutMs)
  const sending = {
    method: 'POST',
    ...request,
    headers,
    url: new URL(url),
    signal,
    isKept: true,
    judge: () => {},
  } as const
  const reply = await transport(sending)
  const body = streamFrom(reply.read, reply.drop)
  const text = new TextDecoder().decode(await readAtMost(body, maxAnswerBytes, 'the answer'))
  return { ...reply, text }
}

/** @see RFC 9110 §10.2.3 */
function retryAfterMs(headers: Headers): number {
  const text = headers.get('retry-after') ?? ''
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.parse(headers.get('date') ?? '')
  return Number.isNaN(ms) ? 0 : Math.min(ms, maxWaitMs)
}

function refusalOf({ status, headers }: Pick<Reply, 'status' | 'headers'>, text: string, url: string): PlatteError {
  const isProblem = headers.get('content-type')?.startsWith(problemType)
  const { code, detail = '', hint }: Partial<Problem> = (isProblem && parseJsonObject(text)) || {}
  const { origin, pathname } = new URL(url)
  const words = detail || `${origin} answered ${status}`
  // The id of an upload is a secret.
  const path = pathname.replace(/(uploads\/).+/, '$1…')
  const known = errorCodes.find((one) => one === code && one !== 'bad-request') ?? codes[status]
  const message = status === 404 ? `${origin} has no ${path}: ${words}` : words
  return new PlatteError(known ?? 'store-unavailable', message, { ...(hint !== undefined && { hint }) })
}
