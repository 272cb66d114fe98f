/** Which pipelines may change what. Pure. Claims are compared exactly, with a list or by prefix, never by patterns. */
import { isVisible, visible } from '../kernel/format.ts'

export type Matcher = string | { readonly in: readonly string[] } | { readonly prefix: string }

export interface Rule {
  readonly id: string
  readonly issuer: string
  /** `app/channel`; a `*` at the end stands for anything. */
  readonly allow: readonly string[]
  readonly actions: readonly string[]
  readonly claims: Readonly<Record<string, Matcher>>
  /** Whether manifests name their origin. */
  readonly provenance?: boolean
}

/** What is wanted, and every `app/channel` that it changes. */
export type PolicyRequest = { readonly action: string; readonly refs: readonly string[] }

export type Claims = Readonly<Record<string, unknown>>

export type Verdict =
  | { readonly kind: 'allowed'; readonly rule: Rule }
  /** Why each rule did not match, in their order. */
  | { readonly kind: 'refused'; readonly because: readonly string[] }

/** What starts a job by itself: a rule must name any other event. By the claim, with the id that its tokens have, too. */
const usualEvents = {
  event_name: { id: 'repository_id', usual: ['push', 'workflow_dispatch', 'schedule', 'release'] },
  pipeline_source: { id: 'project_id', usual: ['push', 'web', 'schedule'] },
} as const

/** What says that code is not merged, by claim; no rule allows that. */
const unmerged: Readonly<Record<string, RegExp>> = {
  ...{ event_name: /^pull_request/, pipeline_source: /merge_request|pull_request/ },
  // Only tokens of pull and merge requests have these.
  ...{ head_ref: /./, base_ref: /./, target_ref: /./, pipeline_source_event: /./ },
  ...Object.fromEntries(
    ['ref', 'ref_path', 'workflow_ref', 'job_workflow_ref', 'ci_config_ref_uri'].map((name) => [
      name,
      /(^|@)(refs\/(pull|merge-requests)\/|(refs\/heads\/)?gh-readonly-queue\/)/,
    ]),
  ),
  // Buildkite writes the branch of a fork as `owner:branch`; no branch has a colon.
  build_branch: /:|^(refs\/)?(pull|merge-requests)\/|^(refs\/heads\/)?gh-readonly-queue\//,
}

/** The first rule that matches a verified token's claims counts. */
export function judge(rules: readonly Rule[], issuer: string, claims: Claims, wanted: PolicyRequest): Verdict {
  const refused = (why: string): Verdict => ({ kind: 'refused', because: [visible(why)] })
  for (const [claim, isUnmerged] of Object.entries(unmerged)) {
    const value = claimOf(claims, claim)
    if (value !== undefined && isUnmerged.test(value))
      return refused(`${claim} is ${value.slice(0, 200)}: code that is not merged cannot change a channel`)
  }
  const disguised = Object.values(origins)
    .flat()
    .find((claim) => !isVisible(claimOf(claims, claim) ?? ''))
  if (disguised !== undefined)
    return refused(`claim ${disguised} has characters that hide what it says: ${claimOf(claims, disguised)}`)
  const problem = (rule: Rule) => problemOf(rule, issuer, claims, wanted)
  const rule = rules.find((one) => problem(one) === undefined)
  if (rule) return { kind: 'allowed', rule }
  return { kind: 'refused', because: rules.map((one) => visible(`rule ${one.id}: ${problem(one)}`)) }
}

function problemOf(rule: Rule, issuer: string, claims: Claims, { action, refs }: PolicyRequest): string | undefined {
  if (rule.issuer !== issuer) return `is for issuer ${rule.issuer}`
  if (!rule.actions.includes(action)) return `allows ${rule.actions.join(', ')}, not ${action}`
  const outside = refs.find((ref) => !rule.allow.some((allowed) => covers(allowed, ref)))
  if (outside !== undefined) return `is for ${rule.allow.join(', ')}, not ${outside}`
  for (const [name, matcher] of Object.entries(rule.claims)) {
    const value = claimOf(claims, name)
    if (value === undefined) return `claim ${name} is missing`
    const [isMatch, words] = match(matcher, value)
    if (!isMatch) return `claim ${name} is ${JSON.stringify(value.slice(0, 200))}, not ${words}`
  }
  return eventProblem(rule, claims)
}

function eventProblem(rule: Rule, claims: Claims): string | undefined {
  for (const [name, { id, usual }] of Object.entries(usualEvents)) {
    const value = claimOf(claims, name)
    const isNeeded = Object.hasOwn(rule.claims, id)
    if (value === undefined && isNeeded) return `claim ${name} is missing`
    const named = Object.hasOwn(rule.claims, name) ? rule.claims[name] : undefined
    const names = typeof named === 'string' ? [named] : named && 'in' in named ? named.in : []
    if (value !== undefined && ![...usual, ...names].includes(value))
      return `claim ${name} is ${JSON.stringify(value.slice(0, 200))}, which is none of ${usual.join(', ')}: it must be named`
  }
  return undefined
}

const covers = (allowed: string, ref: string): boolean =>
  allowed.endsWith('*') ? ref.startsWith(allowed.slice(0, -1)) : ref === allowed

/** Issuers write ids and booleans as texts or not. */
function claimOf(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined
}

/** Whether a claim matches, and what would, in words. */
function match(matcher: Matcher, value: string): readonly [isMatch: boolean, words: string] {
  if (typeof matcher === 'string') return [value === matcher, JSON.stringify(matcher)]
  if ('prefix' in matcher)
    return [value.startsWith(matcher.prefix), `a text that begins with ${JSON.stringify(matcher.prefix)}`]
  return [matcher.in.includes(value), `one of ${matcher.in.map((one) => JSON.stringify(one)).join(', ')}`]
}

/** The claims of GitHub, GitLab and Buildkite that mean the same. */
const origins: Readonly<Record<string, readonly string[]>> = {
  repository: ['repository', 'project_path', 'pipeline_slug'],
  ref: ['ref', 'build_branch'],
  commit: ['sha', 'build_commit'],
  // Before `pipeline_id`: with Buildkite that is the pipeline, with GitLab the run.
  run: ['run_id', 'build_number', 'pipeline_id'],
  workflow: ['job_workflow_ref', 'ci_config_ref_uri', 'step_key'],
}

/** The origin of a change, for its manifest. */
export function provenanceOf(issuer: string, claims: Claims): Readonly<Record<string, string>> {
  const found = Object.entries(origins).flatMap(([name, names]) => {
    const value = names.map((claim) => claimOf(claims, claim)).find((one) => one !== undefined)
    return value === undefined ? [] : [[name, value.slice(0, 500)]]
  })
  return Object.fromEntries([['issuer', issuer], ...found])
}
