/** The identity token of the pipeline that this runs in. Nothing here prints or logs one. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import type { Environment } from '../../kernel/setting.ts'

const timeoutMs = 20_000

/**
 * Finds a token for an audience: the given one, which GitLab's `id_tokens` sets; one of GitHub Actions; or one of
 * Buildkite's agent.
 * @param env the variables that GitHub Actions and Buildkite set.
 * @throws PlatteError('unauthorized') without any, with a hint for each system.
 */
export async function findIdToken(given: string | undefined, env: Environment, audience: string): Promise<string> {
  if (given) return given
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = env
  if (url && bearer) return askGitHub(url, bearer, audience)
  if (env.BUILDKITE === 'true') return askBuildkite(audience)
  throw new PlatteError('unauthorized', 'this process has no identity token', {
    hint: 'GitHub: permissions: id-token: write; GitLab: id_tokens: PLATTE_ID_TOKEN: aud: …; elsewhere set PLATTE_ID_TOKEN',
  })
}

async function askGitHub(url: string, bearer: string, audience: string): Promise<string> {
  try {
    const ref = new URL(url)
    ref.searchParams.set('audience', audience)
    const headers = { authorization: `Bearer ${bearer}`, accept: 'application/json' }
    const response = await fetch(ref, { headers, signal: AbortSignal.timeout(timeoutMs) })
    if (!response.ok) throw new Error(`it answered ${response.status}`)
    const { value } = (await response.json()) as { readonly value?: unknown }
    if (typeof value === 'string' && value !== '') return value
    throw new Error('it answered without one')
  } catch (cause) {
    throw noToken('the token service of GitHub Actions', cause)
  }
}

async function askBuildkite(audience: string): Promise<string> {
  try {
    // Its tokens hold the claims that a policy must name only on request.
    const claims = ['organization_id', 'pipeline_id'].flatMap((claim) => ['--claim', claim])
    const args = ['oidc', 'request-token', '--audience', audience, ...claims]
    const { stdout } = await promisify(execFile)('buildkite-agent', args, { timeout: timeoutMs })
    return stdout.trim()
  } catch (cause) {
    throw noToken('buildkite-agent oidc request-token', cause)
  }
}

const noToken = (who: string, cause: unknown): PlatteError =>
  new PlatteError('unauthorized', `${who} gave no token: ${messageOf(cause)}`, {
    hint: 'let the job have permission for id tokens, then run it again',
  })
