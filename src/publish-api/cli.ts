/** Commands with `--endpoint`, sent to a publish function with the identity of a pipeline; and `platte policy`. */
import { Command } from 'commander'
import type { ChannelCommand } from '../channels/commands.ts'
import { draftCommand } from '../channels/execute-command.ts'
import type { Publisher } from '../channels/publish.ts'
import type { AnnouncedUpload, Endpoint, Options, Sending } from '../cli/options.ts'
import { command, environmentOf, oneOf, openStoreOf, parseChannel, settingsOf } from '../cli/options.ts'
import { show, warn } from '../cli/terminal.ts'
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { readShortText, sliceOf } from '../runtime/files.ts'
import { readTextFile } from '../runtime/text-file.ts'
import { callFunction, findIdToken, requireConfidential } from './client.ts'
import { proposalOf } from './countersign.ts'
import { type Claims, judge, provenanceOf } from './policy.ts'
import { policyActions, readPolicy } from './policy-document.ts'
import type { OpenedUpload } from './uploads.ts'

/** @throws PlatteError('configuration') where settings are missing; 'unauthorized' without a token. */
export async function openEndpoint(options: Options): Promise<Endpoint> {
  const { endpoint: url, audience, idToken } = settingsOf(options, [])
  if (url === undefined) throw new PlatteError('usage', '--endpoint names no URL')
  requireConfidential(new URL(url), 'PLATTE_ENDPOINT (--endpoint)')
  const env = environmentOf(options)
  const signing = await openSigning(options)
  const newToken = () => findIdToken(idToken, env, audience ?? url)
  const post = async <Result extends object>(
    path: string,
    body: object,
    has: keyof Result & string,
    token?: string,
  ) => {
    const text = JSON.stringify(body)
    const headers = { authorization: `Bearer ${token ?? (await newToken())}`, 'content-type': 'application/json' }
    const answer = parseJsonObject(await callFunction({ url: url + path, headers, body: text }))
    if (answer?.[has] !== undefined) return answer as Result
    throw new PlatteError('configuration', `${url}${path} does not answer as a Platte does: there is no ${has}`, {
      hint: 'set PLATTE_ENDPOINT to the URL of a Platte that publishes',
    })
  }
  return {
    url,
    apply: <Result extends object>(body: object) =>
      post<Result & { readonly channels: unknown }>('/v1/apply', body, 'channels'),
    upload: (announced, sending) =>
      uploadAll((body) => post<OpenedUploads>('/v1/uploads', body, 'packages'), announced, { ...sending, url }),
    async send<Result>(command: ChannelCommand, { dryRun }: { readonly dryRun?: boolean | undefined }) {
      const token = await newToken()
      const { action, ...fields } = command
      const manifest = signing && !dryRun && (await proposalFor(signing, command, token))
      const body = { ...fields, ...(dryRun && { dryRun }), ...(manifest && { manifest }) }
      const answer = await post<Result & { readonly manifest: string }>(`/v1/${action}`, body, 'manifest', token)
      return { ...answer, manifest: new URL(answer.manifest, `${url}/`).href }
    },
  }
}

/** The plan of this pipeline, signed. The function countersigns where its own plan is equal, provenance included. */
async function proposalFor(signing: Publisher, command: ChannelCommand, token: string): Promise<object | undefined> {
  const { iss, ...claims } = claimsOf(token)
  const provenance = provenanceOf(String(iss), claims)
  return proposalOf(signing.release, await draftCommand(signing, command, { provenance }))
}

/** @throws PlatteError('unauthorized') for anything but a token. */
function claimsOf(token: string): Claims {
  const claims = parseJsonObject(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  if (claims) return claims
  throw new PlatteError('unauthorized', 'the identity token of this pipeline is not a JSON Web Token')
}

/** Only with a release key at hand: reads the store, or else the documents that the endpoint serves. */
async function openSigning(options: Options): Promise<Publisher | undefined> {
  const { releaseKey, keysDir, store, endpoint = '' } = settingsOf(options, [])
  if (releaseKey === undefined && keysDir === undefined) return undefined
  const opened = await openStoreOf(store ? options : { ...options, store: endpoint }, warn)
  return opened.store.release.length === 0 ? undefined : opened.store
}

/** Parts sent at once. */
const partsAtOnce = 3
/** The endpoint names 1,000 missing parts a round, and parts may get lost. */
const maxRounds = 50
/** Reading an upload may take longer than a gateway waits. */
const completeAttempts = 40

type OpenedUploads = Readonly<{ packages: readonly OpenedUpload[] }>

/** Uploads what the endpoint lacks. @throws PlatteError as `Endpoint` of the command line. */
async function uploadAll(
  open: (body: object) => Promise<OpenedUploads>,
  announced: AnnouncedUpload,
  sending: Sending & { readonly url: string },
): Promise<void> {
  const packages = announced.packages.map(({ name, size, sha256, sha1 }) => ({ name, size, sha256, sha1 }))
  for (let round = 0; round < maxRounds; round++) {
    const { packages: opened } = await open({ ...announced, packages })
    const missing = opened.filter((one) => one.kind === 'missing')
    if (missing.length === 0) return
    for (const one of missing) await sendOne(one, sending)
  }
  throw new PlatteError('store-unavailable', `upload did not finish after ${maxRounds} rounds`, {
    hint: 'run the same command again',
  })
}

async function sendOne(
  { id, name, partSize, parts }: Extract<OpenedUpload, { readonly kind: 'missing' }>,
  { files, onBytes, url: endpoint }: Sending & { readonly url: string },
): Promise<void> {
  const file = files.get(name)
  if (file === undefined)
    throw new PlatteError('mismatch', `${endpoint} asks for package ${JSON.stringify(name)}, which was not announced`, {
      hint: 'make sure that this is your endpoint: it gets only the files of this command',
    })
  const left = parts.values()
  const sendNext = async (): Promise<void> => {
    for (const { number, size, url } of left) {
      const body = await sliceOf(file, (number - 1) * partSize, size)
      await callFunction({ url: new URL(url, `${endpoint}/`).href, method: 'PUT', body })
      onBytes(size)
    }
  }
  await Promise.all(Array.from({ length: partsAtOnce }, sendNext))
  const url = `${endpoint}/v1/uploads/${id}/complete`
  await callFunction({ url, attempts: completeAttempts }).catch((error: unknown) => {
    // Swept, or parts are missing: the next round sends the rest.
    if (!(error instanceof PlatteError && ['configuration', 'conflict'].includes(error.code))) throw error
  })
}

export function policyCommand(): Command {
  const about = 'print the rule that allows a token something, or why none does'
  const check = command('check', about, ['publishPolicy', 'app'])
    .option('--claims <file>', 'a token, or its claims as JSON, not verified; without it, only the policy is checked')
    .option('--action <action>', `the action: ${policyActions.join(', ')}`, oneOf(policyActions), 'publish')
    .option('--channel <channel>', 'the channel', parseChannel, 'stable')
    .action(checkPolicy)
  return new Command('policy').description('test the policy of a publish function').exitOverride().addCommand(check)
}

type CheckOptions = Options & { readonly claims?: string; readonly action: string; readonly channel: string }

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
  const text = (await readShortText(ref)).trim()
  const [, payload] = text.split('.')
  const json = text.startsWith('{') || !payload ? text : Buffer.from(payload, 'base64url').toString()
  const claims = parseJsonObject(json)
  if (claims) return claims
  throw new PlatteError('usage', `${ref} holds neither a token nor its claims as a JSON object`)
}
