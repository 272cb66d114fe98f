/** Explains what one machine gets, why, and when that changes, with the code that answers machines. */
import type { Context } from 'hono'
import type { LoadedChannel } from '../catalog/channels.ts'
import { isInstant } from '../documents/fields.ts'
import { bearerToken, isSameSecret } from '../http/credentials.ts'
import { refuse } from '../http/problem.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import { groupOf } from '../kernel/group.ts'
import { isImage, payloadOf, type Scheme } from '../release/channel.ts'
import type { Decision, Reason } from '../release/decide.ts'
import * as explained from '../release/explanation.ts'
import { walk } from '../release/rollout-status.ts'
import { answering, type ExplainAccess, type Serving } from './serving.ts'
import {
  type Answering,
  appKey,
  boardOf,
  type Checked,
  decideFor,
  findFor,
  isPlatform,
  noUpdateBecause,
  type Query,
  requireImage,
  requirePackages,
} from './update-check.ts'

export interface ExplainQuery {
  readonly query: Query
  /** Default: now. Uses what is signed now for any instant. */
  readonly at?: Instant | undefined
  /** The public sees neither lists of machines nor internal errors. */
  readonly audience: 'operator' | 'everybody'
}

/** A decision as data. */
export interface Outcome {
  readonly decision: Decision['kind']
  readonly offered?: string
  /** The whole upgrade path, where `offered` is a floor. */
  readonly path?: readonly string[]
  /** Whether `offered` is below what the machine runs. */
  readonly isRollback?: true
  readonly reason?: Reason
  /** The version that is kept back, or is a dead end. */
  readonly withheld?: string
  readonly because?: string
  readonly sentence: string
}

export interface Explanation extends Outcome {
  /** RFC 3339. */
  readonly at: string
  readonly numbers?: explained.Numbers
  /** The next change, predicted from what is signed now. */
  readonly next?: Outcome & { readonly at: string }
  /** What this explanation leaves out. */
  readonly note?: string
}

/** Never throws: a channel that cannot be used is a reason, too. */
export async function explain(service: Answering, { query: asked, at, audience }: ExplainQuery): Promise<Explanation> {
  const channel = await findFor(service, asked)
  const query = isPlatform(asked.board) ? boardOf(channel, asked) : asked
  const now = at ?? service.reader.clock()
  const isPublic = audience === 'everybody'
  const shown = (decision: Decision): Decision => (isPublic ? explained.forEverybody(decision) : decision)
  if (!('view' in channel)) return { at: isoText(now), ...outcomeOf(shown(noUpdateBecause(channel))) }
  const { view } = channel
  const check: Query = isPublic ? { ...query, onNoList: true } : query
  const decided = decideFor(service, check, channel, now)
  const { scheme } = query
  const isForImages = scheme !== undefined || (decided.kind === 'update' && isImage(decided.offer.packages))
  const checked = isForImages ? undefined : await requirePackages(service, query, decided)
  const decision = checked ?? requireImage(decided, scheme)
  const numbers = explained.numbersOf(decision, check, view, now)
  // What is signed says nothing about a machine that fell back; `because` says when that ends.
  const hasFallenBack = decision.kind === 'no-update' && decision.reason === 'fell-back'
  const change = hasFallenBack ? undefined : explained.nextChange(check, view, now)
  const { steps: all } = walk(check, view, now, { isPatient: true })
  const end = all.findIndex(({ packages }) => scheme && !payloadOf(packages, scheme))
  const steps = end < 0 ? all : all.slice(0, end)
  const course = { running: check.version, steps, stoppedAt: numbers?.stoppedAt }
  const note = noteOf(checked, isPublic && hasLists(channel))
  return {
    at: isoText(now),
    ...outcomeOf(shown(decision), course),
    ...(numbers && { numbers }),
    ...(change && {
      next: nextOf({ ...change, decision: shown(scheme ? requireImage(change.decision, scheme) : change.decision) }),
    }),
    ...(note && { note }),
  }
}

function noteOf(decision: Checked | undefined, mayBeListed: boolean): string {
  const least = decision?.kind === 'update' && decision.packages.packages[0].install?.minBrowser
  const listed = mayBeListed && 'this channel lists machines; a listed machine may get another answer'
  return [listed, least && `a browser below version ${least} gets no update`].filter(Boolean).join('; ')
}

const nextOf = (change: explained.ForecastChange): NonNullable<Explanation['next']> => ({
  at: isoText(change.at),
  ...outcomeOf(change.decision),
  sentence: explained.explainChange(change),
})

const hasLists = ({ manifest, source }: LoadedChannel): boolean =>
  [manifest, ...(source ? [source.manifest] : [])].some(({ target, releases }) =>
    [target, ...releases.map((release) => release.target)].some((one) => one?.machines),
  )

function outcomeOf(decision: Decision, course: explained.Course = {}): Outcome {
  const sentence = explained.explainDecision(decision, course)
  if (decision.kind === 'update') {
    const path = (course.steps ?? []).map(({ release }) => release.version)
    const rollback = explained.isRollback(decision, course) && ({ isRollback: true } as const)
    const offered = decision.offer.release.version
    return { decision: 'update', offered, ...(path.length > 1 && { path }), ...rollback, sentence }
  }
  const { reason, candidate, because } = decision
  const withheld = candidate && { withheld: candidate.release.version }
  return { decision: 'no-update', reason, ...withheld, ...(because !== undefined && { because }), sentence }
}

const needed = ['app', 'channel', 'version', 'board'] as const
const known: readonly string[] = [
  ...needed,
  'machine',
  'oem',
  'os',
  'manual',
  'syncer',
  'prefix',
  'browser',
  'scheme',
  'wariness',
  'at',
]
const switches = ['manual', 'syncer'] as const
/** Longer than any id or version of the field. */
const maxLength = 256

/** `GET /v1/explain`, as JSON. */
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
  if (!['checksum', 'oci'].includes(parameters.scheme?.[0] || 'oci')) problems.push('scheme must be checksum or oci')
  if (!(Number(parameters.wariness?.[0] ?? 0) >= 0 && Number(parameters.wariness?.[0] ?? 0) <= 1))
    problems.push('wariness must be a number of 0 to 1')
  return problems.length === 0
    ? undefined
    : `${problems.join('; ')}. Ask as /v1/explain?app=&channel=&version=&board=[&machine=][&oem=][&os=][&manual=1][&syncer=1][&prefix=][&browser=][&scheme=][&wariness=][&at=]`
}

function questionOf(asked: Readonly<Record<string, string>>): Omit<ExplainQuery, 'audience'> {
  const { app = '', channel = '', version = '', board = '', machine: machineId = '', oem = '', prefix, at } = asked
  const { scheme, wariness, browser, os = '' } = asked
  return {
    query: {
      ...{ app: appKey(app), channel: groupOf(channel), version, board, machineId, oem, os },
      ...{ isManual: asked.manual === '1', isSyncer: asked.syncer === '1' },
      ...(prefix && { limits: { versionPrefix: prefix } }),
      ...(scheme && { scheme: scheme as Scheme }),
      ...(wariness && { wariness: Number(wariness) }),
      ...(browser && { browser }),
    },
    at: at ? Date.parse(at) : undefined,
  }
}
