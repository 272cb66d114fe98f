/** The policy of a publish function: which issuers it trusts, and what their tokens may change. Never in the store. */
import * as v from 'valibot'
import { actions } from '../channels/commands.ts'
import type { FeatureContext } from '../checks/serving.ts'
import * as field from '../documents/fields.ts'
import { isConfidential } from '../http/credentials.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import type { TextSource } from '../kernel/setting.ts'
import { problemsOf } from './policy-rules.ts'

/** `apply` is not a command of one channel: it has a route of its own. */
export const policyActions: readonly string[] = [...actions, 'apply']

const maxPolicyBytes = 256 * 1024

const httpsUrl = v.pipe(
  v.string(),
  v.maxLength(500),
  v.check((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    return url !== undefined && isConfidential(url) && url.username === '' && url.password === '' && !/[?#]/.test(text)
  }, 'must be a plain https URL'),
)

const claimText = v.pipe(field.text(500), v.minLength(1, 'is empty'))
const oneOf = v.strictObject({ in: v.pipe(v.array(claimText), v.minLength(1)) })
const matchers = [claimText, oneOf, v.strictObject({ prefix: claimText })]
const matcher = v.union(matchers, 'must be a text, {"in":[…]} or {"prefix":"…"}')

const allowed = v.pipe(
  field.text(200),
  v.transform((text) => text.normalize('NFC')),
  v.regex(/^[a-z0-9][a-z0-9._-]{0,63}\/[^*]{0,128}\*?$/u, 'must be app/channel, with a * at the end or none'),
)

const schema = v.pipe(
  v.strictObject({
    v: v.literal(1),
    audience: v.pipe(field.text(500), v.minLength(1)),
    issuers: field.record(
      httpsUrl,
      v.strictObject({ jwks: httpsUrl, algs: v.pipe(v.array(v.picklist(['RS256', 'ES256'])), v.minLength(1)) }),
    ),
    rules: v.array(
      v.strictObject({
        id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -')),
        issuer: v.string(),
        allow: v.pipe(v.array(allowed), v.minLength(1)),
        actions: v.pipe(v.array(v.picklist(policyActions)), v.minLength(1)),
        claims: field.record(field.text(100), matcher),
        provenance: v.exactOptional(v.boolean()),
      }),
    ),
  }),
  v.check(({ rules }) => field.areDistinct(rules.map(({ id }) => id)), 'two rules have the same id'),
)

/** `audience`: the one `aud` of tokens. `issuers` by `iss`: keys are fetched from `jwks` only, whatever a token names. */
export type Policy = Omit<v.InferOutput<typeof schema>, 'v'>

/** @throws PlatteError('configuration') naming the setting or the file, and what is wrong in it. */
export async function readPolicy(source: TextSource, readText: FeatureContext['readText']): Promise<Policy> {
  try {
    return parsePolicy('text' in source ? source.text : await readText(source.file, maxPolicyBytes))
  } catch (cause) {
    const where = 'text' in source ? 'PLATTE_PUBLISH_POLICY' : source.file
    throw new PlatteError('configuration', `${where}: ${messageOf(cause)}`, { cause })
  }
}

/** @throws PlatteError('configuration') naming the first field at fault. */
export function parsePolicy(text: string): Policy {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new PlatteError('configuration', 'policy: is not JSON')
  }
  const policy = field.check(schema, 'policy', value, 'configuration')
  const problems = policy.rules.flatMap((rule) => {
    const stray = Object.hasOwn(policy.issuers, rule.issuer) ? [] : [`issuers does not name ${rule.issuer}`]
    return [...stray, ...problemsOf(rule)].map((problem) => `policy: rule ${rule.id}: ${problem}`)
  })
  if (problems.length === 0) return policy
  throw new PlatteError('configuration', problems.join('\n'))
}
