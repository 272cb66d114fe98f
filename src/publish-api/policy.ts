/** Which pipelines may change what. Pure. Claims are compared exactly, with a list or by prefix, never by patterns. */

export type Matcher = string | { readonly in: readonly string[] } | { readonly prefix: string }

export interface Rule {
  readonly id: string
  /** The token's `iss`. */
  readonly issuer: string
  /** `app/channel`; a `*` at the end stands for anything. */
  readonly allow: readonly string[]
  readonly actions: readonly string[]
  /** All of them must match. */
  readonly claims: Readonly<Record<string, Matcher>>
  /** Whether manifests name their origin. */
  readonly provenance?: boolean
}

export interface PolicyRequest {
  readonly action: string
  /** Every `app/channel` that it changes. */
  readonly refs: readonly string[]
}

export type Claims = Readonly<Record<string, unknown>>

export type Verdict =
  | { readonly kind: 'allowed'; readonly rule: Rule }
  /** Why each rule did not match, in their order. */
  | { readonly kind: 'refused'; readonly because: readonly string[] }

/** Events that run unreviewed code, by claim. */
const unreviewed: readonly (readonly [claim: string, values: readonly string[]])[] = [
  ['event_name', ['pull_request', 'pull_request_target']],
  ['pipeline_source', ['merge_request_event', 'external_pull_request_event']],
]

/** The first rule that matches a verified token's claims counts. */
export function judge(rules: readonly Rule[], issuer: string, claims: Claims, wanted: PolicyRequest): Verdict {
  for (const [claim, values] of unreviewed) {
    const value = claimOf(claims, claim)
    if (value !== undefined && values.includes(value))
      return { kind: 'refused', because: [`${claim} is ${value}: code that is not merged cannot change a channel`] }
  }
  const because: string[] = []
  for (const rule of rules) {
    const problem = problemOf(rule, issuer, claims, wanted)
    if (problem === undefined) return { kind: 'allowed', rule }
    because.push(`rule ${rule.id}: ${problem}`)
  }
  return { kind: 'refused', because }
}

function problemOf(rule: Rule, issuer: string, claims: Claims, { action, refs }: PolicyRequest): string | undefined {
  if (rule.issuer !== issuer) return `is for issuer ${rule.issuer}`
  if (!rule.actions.includes(action)) return `allows ${rule.actions.join(', ')}, not ${action}`
  const outside = refs.find((ref) => !rule.allow.some((allowed) => covers(allowed, ref)))
  if (outside !== undefined) return `is for ${rule.allow.join(', ')}, not ${outside}`
  for (const [name, matcher] of Object.entries(rule.claims)) {
    const value = claimOf(claims, name)
    if (value === undefined) return `claim ${name} is missing`
    if (!matches(matcher, value))
      return `claim ${name} is ${JSON.stringify(value.slice(0, 200))}, not ${words(matcher)}`
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

function matches(matcher: Matcher, value: string): boolean {
  if (typeof matcher === 'string') return value === matcher
  return 'in' in matcher ? matcher.in.includes(value) : value.startsWith(matcher.prefix)
}

function words(matcher: Matcher): string {
  if (typeof matcher === 'string') return JSON.stringify(matcher)
  return 'in' in matcher
    ? `one of ${matcher.in.map((one) => JSON.stringify(one)).join(', ')}`
    : `a text that begins with ${JSON.stringify(matcher.prefix)}`
}

/** The claims of GitHub, GitLab and Buildkite that mean the same. */
const origins: readonly (readonly [name: string, claims: readonly string[]])[] = [
  ['repository', ['repository', 'project_path', 'pipeline_slug']],
  ['ref', ['ref', 'build_branch']],
  ['commit', ['sha', 'build_commit']],
  ['run', ['run_id', 'pipeline_id', 'build_number']],
  ['workflow', ['job_workflow_ref', 'ci_config_ref_uri', 'step_key']],
]

/** The origin of a change, for its manifest. */
export function provenanceOf(issuer: string, claims: Claims): Readonly<Record<string, string>> {
  const found = origins.flatMap(([name, names]) => {
    const value = names.map((claim) => claimOf(claims, claim)).find((one) => one !== undefined)
    return value === undefined ? [] : [[name, value.replace(/\p{Cc}/gu, ' ').slice(0, 500)]]
  })
  return Object.fromEntries([['issuer', issuer], ...found])
}
