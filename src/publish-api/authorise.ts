/** Decides what a pipeline may do, by its identity token and the policy. */
import type { Clock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type IssuerKeys, issuerKeys } from './issuer-keys.ts'
import { peekIssuer, type VerifiedToken, verifyToken } from './oidc.ts'
import { judge, provenanceOf } from './policy.ts'
import type { Policy } from './policy-document.ts'

/** One for each process. */
export interface Authorising {
  readonly policy: Policy
  readonly remembered: IssuerKeys
  readonly clock: Clock
}

export interface Intent {
  readonly action: string
  readonly app: string
  readonly channels: readonly string[]
}

export interface Authorised {
  readonly token: VerifiedToken
  /** The rule that matched. */
  readonly rule: string
  /** The pipeline run, for the manifest's provenance. */
  readonly origin: Readonly<Record<string, string>>
  /** Whether manifests name the origin. */
  readonly isRecorded: boolean
}

/** @throws PlatteError('unauthorized') for an invalid token; 'refused' naming each rule's mismatch; 'issuer-unavailable'. */
export async function authorise(authorising: Authorising, token: string, intent: Intent): Promise<Authorised> {
  const { rules } = authorising.policy
  const verified = await verify(authorising, token)
  const { action, app, channels } = intent
  const refs = channels.map((channel) => `${app}/${channel}`)
  const verdict = judge(rules, verified.issuer, verified.claims, { action, refs })
  if (verdict.kind === 'refused')
    throw new PlatteError(
      'refused',
      `the policy does not let this token ${action} in ${refs.join(' and ')}: ${verdict.because.join('; ') || 'it has no rules'}`,
      { hint: '`platte policy check` tries a policy out' },
    )
  const { rule } = verdict
  return {
    token: verified,
    rule: rule.id,
    origin: provenanceOf(verified.issuer, verified.claims),
    isRecorded: rule.provenance ?? false,
  }
}

async function verify({ policy, remembered, clock }: Authorising, token: string): Promise<VerifiedToken> {
  const name = peekIssuer(token)
  const issuer = Object.hasOwn(policy.issuers, name) ? policy.issuers[name] : undefined
  if (issuer === undefined)
    throw new PlatteError(
      'unauthorized',
      `the identity token is from ${JSON.stringify(name.slice(0, 200))}, which the policy does not name`,
    )
  const now = clock()
  const keys = issuerKeys(issuer.jwks, remembered, now)
  return verifyToken(token, { issuer: name, audience: policy.audience, algs: issuer.algs, keys, now })
}
