/** `GET /v1/explain`: what a machine gets, why, and when that changes, as JSON. */
import type { Context } from 'hono'
import { isInstant } from '../documents/fields.ts'
import { bearerToken, isSameSecret } from '../http/credentials.ts'
import { refuse } from '../http/problem.ts'
import { type ExplainQuery, explain } from './explain.ts'
import { answering, type ExplainAccess, type Serving } from './serving.ts'
import { appKey } from './update-check.ts'

const needed = ['app', 'channel', 'version', 'board'] as const
const known: readonly string[] = [...needed, 'machine', 'oem', 'manual', 'syncer', 'prefix', 'at']
const switches = ['manual', 'syncer'] as const
/** Longer than any id or version of the field. */
const maxLength = 256

export function answerExplain(serving: Serving, access: ExplainAccess): (c: Context) => Promise<Response> {
  return async (c) => {
    const headers = { 'cache-control': 'no-store', 'access-control-allow-origin': '*' }
    if (access !== 'public' && !(await isSameSecret(bearerToken(c.req.raw.headers), access.token)))
      return refuse(c, 'unauthorized', 'send the token: Authorization: Bearer TOKEN', {
        headers: { 'www-authenticate': 'Bearer' },
      })
    const parameters = c.req.queries()
    const problem = problemOf(parameters)
    if (problem !== undefined) return refuse(c, 'bad-request', problem)
    const audience = access === 'public' ? 'everybody' : 'operator'
    const asked = Object.fromEntries(Object.entries(parameters).map(([name, [text = '']]) => [name, text]))
    const explanation = await explain(answering(serving, c), { ...questionOf(asked), audience })
    return c.json({ asked, ...explanation }, 200, headers)
  }
}

/** @returns all problems of the parameters. */
function problemOf(parameters: Readonly<Record<string, readonly string[]>>): string | undefined {
  const problems = [
    ...needed.filter((name) => !parameters[name]?.[0]).map((name) => `${name} is missing`),
    ...Object.entries(parameters).flatMap(([name, values]) => {
      if (!known.includes(name)) return [`there is no parameter ${JSON.stringify(name.slice(0, 40))}`]
      if (values.length > 1) return [`${name} is given twice`]
      if (values.some((value) => value.length > maxLength)) return [`${name} has more than ${maxLength} characters`]
      return []
    }),
  ]
  const at = parameters.at?.[0]
  if (at && !isInstant(at)) problems.push('at must be an instant such as 2026-11-24T13:12:00Z')
  for (const name of switches)
    if (!['0', '1'].includes(parameters[name]?.[0] || '0')) problems.push(`${name} must be 0 or 1`)
  return problems.length === 0
    ? undefined
    : `${problems.join('; ')}. Ask as /v1/explain?app=&channel=&version=&board=[&machine=][&oem=][&manual=1][&syncer=1][&prefix=][&at=]`
}

function questionOf(asked: Readonly<Record<string, string>>): Omit<ExplainQuery, 'audience'> {
  const { app = '', channel = '', version = '', board = '', machine: machineId = '', oem = '', prefix, at } = asked
  return {
    query: {
      ...{ app: appKey(app), channel, version, board, machineId, oem },
      ...{ isManual: asked.manual === '1', isSyncer: asked.syncer === '1' },
      ...(prefix && { limits: { versionPrefix: prefix } }),
    },
    at: at ? Date.parse(at) : undefined,
  }
}
