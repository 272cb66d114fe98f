/** What a rule must say so that only its own pipeline matches. Each problem is a sentence with its remedy. */
import type { Matcher, Rule } from './policy.ts'

export function problemsOf({ claims }: Pick<Rule, 'claims'>): readonly string[] {
  const cuts = Object.entries(claims).flatMap(([name, matcher]) => {
    if (typeof matcher === 'string' || !('prefix' in matcher) || !cutsName(claims, name, matcher.prefix)) return []
    const [others, tags] =
      name === 'environment' ? ['environments', ''] : ['branches', ', or take tags (refs/tags/…, or ref_type "tag")']
    const cut = `the prefix ${JSON.stringify(matcher.prefix)} ends inside a name, and other ${others} begin like it`
    return [`claims.${name}: ${cut}: name it exactly, or end with "/"${tags}`]
  })
  const sub = Object.hasOwn(claims, 'sub')
    ? ['claims: match other claims than sub: its form is not the same everywhere']
    : []
  return [...sub, ...(namesOrigin(claims) ? [] : [anonymous]), ...cuts]
}

const anonymous =
  'claims: must name one of repository_id (GitHub), project_id (GitLab), organization_id with pipeline_id (Buildkite) ' +
  'exactly: everybody else who has tokens of this issuer could match, and names can be given to somebody else'

/** An issuer never reuses these ids, unlike names. Any organization of Buildkite has the same issuer. */
function namesOrigin(claims: Rule['claims']): boolean {
  const isExact = (name: string): boolean => {
    const matcher: Matcher | undefined = Object.hasOwn(claims, name) ? claims[name] : undefined
    return typeof matcher === 'string' || (matcher !== undefined && 'in' in matcher)
  }
  return [['repository_id'], ['project_id'], ['organization_id', 'pipeline_id']].some((ids) => ids.every(isExact))
}

const refClaims = ['ref', 'ref_path', 'workflow_ref', 'job_workflow_ref', 'ci_config_ref_uri', 'build_branch']

/** `refs/heads/main` also begins `refs/heads/main-2`. Tags are for their owners to protect: `refs/tags/v` is what they mean. */
function cutsName(claims: Rule['claims'], name: string, prefix: string): boolean {
  // A job that names an environment which does not exist makes it, without reviewers.
  if (name === 'environment') return !prefix.endsWith('/')
  const [, kind, rest = ''] = /(?:^|@)refs\/(heads|tags)\/(.*)$/s.exec(prefix) ?? []
  if (kind === 'heads') return rest !== '' && !rest.endsWith('/')
  if (kind === 'tags' || !refClaims.includes(name)) return false
  // GitLab's `ref` is short.
  return !/[/@]$/.test(prefix) && !(name === 'ref' && claims.ref_type === 'tag')
}
