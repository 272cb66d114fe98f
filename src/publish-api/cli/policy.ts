/** `platte policy`: what a policy allows a pipeline. */
import type { Command } from 'commander'
import { actions } from '../../channels/commands.ts'
import { command, type Options, oneOf, parseChannel, settingsOf } from '../../cli/options.ts'
import { show } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { readShort, readTextFile } from '../../runtime/files.ts'
import { type Claims, judge } from '../policy.ts'
import { readPolicy } from '../policy-document.ts'

interface CheckOptions extends Options {
  readonly claims?: string
  readonly action: string
  readonly channel: string
}

export function policyCommand(): Command {
  const check = command('check', 'print the rule that allows a token something, or why none does', [
    'publishPolicy',
    'app',
  ])
    .option('--claims <file>', 'a token, or its claims as JSON, not verified; without it, only the policy is checked')
    .option('--action <action>', `the action: ${actions.join(', ')}`, oneOf(actions), 'publish')
    .option('--channel <channel>', 'the channel', parseChannel, 'stable')
    .action(checkPolicy)
  return command('policy', 'try out the policy of a publish function', []).addCommand(check)
}

async function checkPolicy(options: CheckOptions): Promise<void> {
  const { publishPolicy, app } = settingsOf(options, options.claims ? ['app'] : [])
  if (publishPolicy === undefined) throw new PlatteError('usage', '--publish-policy is missing: file:PATH')
  const { rules, audience, issuers } = await readPolicy(publishPolicy, readTextFile)
  if (options.claims === undefined)
    return show(options.json, { audience, issuers, rules }, [
      `${rules.length} ${rules.length === 1 ? 'rule' : 'rules'} for tokens of audience ${audience}`,
    ])
  const claims = await readClaims(options.claims)
  const refs = [`${app}/${options.channel}`]
  const verdict = judge(rules, String(claims.iss), claims, { action: options.action, refs })
  const problems =
    claims.aud === audience ? [] : [`its aud is ${JSON.stringify(claims.aud)}, not ${JSON.stringify(audience)}`]
  if (verdict.kind === 'refused') problems.push(...verdict.because)
  if (problems.length > 0)
    throw new PlatteError('refused', [`not allowed to ${options.action} in ${refs}:`, ...problems].join('\n  '))
  if (verdict.kind === 'allowed')
    show(options.json, { rule: verdict.rule.id }, [`rule ${verdict.rule.id} allows ${options.action} in ${refs}`])
}

/** @throws PlatteError('usage') for a file with neither a token nor claims. */
async function readClaims(ref: string): Promise<Claims> {
  const text = new TextDecoder().decode(await readShort(ref)).trim()
  const [, payload] = text.split('.')
  try {
    const value: unknown = JSON.parse(
      text.startsWith('{') || !payload ? text : Buffer.from(payload, 'base64url').toString(),
    )
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Claims
  } catch {}
  throw new PlatteError('usage', `${ref} holds neither a token nor its claims as a JSON object`)
}
