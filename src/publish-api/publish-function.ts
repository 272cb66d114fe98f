/** Executes the commands of pipelines: allowed by the policy, once for each token, planned, signed and committed. */
import * as v from 'valibot'
import { loadHead, type Seal } from '../catalog/commit-channel.ts'
import { encode, loadForWriting, type StoreWriter } from '../catalog/read.ts'
import { newPackages } from '../channels/adopt-edit.ts'
import { type Action, type ChannelCommand, changedBy, readCommand } from '../channels/commands.ts'
import { commit, preview } from '../channels/commit.ts'
import { planCommand, published } from '../channels/execute-command.ts'
import { judgeAdded } from '../channels/payload.ts'
import type { Plan } from '../channels/plan.ts'
import { type Publisher, publishResult, withheldBy } from '../channels/publish.ts'
import * as field from '../documents/fields.ts'
import { markKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import { filesOf } from '../release/channel.ts'
import { update } from '../store/update.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type Authorised, authorise, type VerifiedToken } from './authorise.ts'
import { countersign, type Proposal, readProposal } from './countersign.ts'
import type { Policy } from './policy-document.ts'
import { requireReceipt } from './receipts.ts'

export interface PublishFunction {
  readonly publisher: Publisher
  readonly policy: Policy
}

/** The body of a request. */
export interface CommandRequest {
  readonly command: ChannelCommand
  /** `true`: the answer is the plan, and nothing is written. */
  readonly isPlan: boolean
  /** A manifest that the pipeline signed, where the root demands two signatures. */
  readonly manifest?: object | undefined
}

export interface Request extends CommandRequest {
  /** The whole request: the token is bound to it. */
  readonly bytes: Uint8Array
  readonly token: VerifiedToken
}

/** @throws PlatteError('usage') naming the first member at fault. */
export function readRequest(action: Action, body: Readonly<Record<string, unknown>>): CommandRequest {
  const { manifest, dryRun: isPlan = false, ...fields } = body
  if (typeof isPlan !== 'boolean') throw new PlatteError('usage', `${action}: dryRun: must be true or false`)
  if (manifest !== undefined && (typeof manifest !== 'object' || manifest === null))
    throw new PlatteError('usage', 'manifest: must be a signed envelope, {"payload":…,"signatures":[…]}')
  return { command: readCommand(action, fields) as ChannelCommand, isPlan, manifest }
}

/** Executes the command of a pipeline. @throws PlatteError as `authorise`, `planCommand`, `commit` and `countersign`. */
export async function answerCommand({ publisher: own, policy }: PublishFunction, request: Request): Promise<Answer> {
  // The operator of the settings is not who calls.
  const publisher = { ...own, operator: undefined }
  const { command, isPlan, manifest, bytes, token } = request
  const { action, app, channel } = command
  const allowing = (channels: readonly string[]) => authorise(policy, token, { action, app, channels })
  allowing(changedBy(command))
  const names = changedBy(command, await aliasesOf(publisher, command))
  const allowed = allowing(names)
  const proposal = manifest && readProposal(manifest, publisher.clock())
  const { rule } = allowed
  const work = async (at: number): Promise<Answer> => {
    const by = { rule, ...(allowed.isRecorded && allowed.origin) }
    const signing = { at, by, ...signingOf(publisher, allowed, proposal) }
    const planned = onlyNames(names, command, await planCommand(publisher, command, signing))
    if (command.action === 'adopt' && !command.raw) await judgeAdded(publisher, planned)
    const result = isPlan ? await preview(publisher, planned) : await execute(publisher, command, planned, signing.seal)
    publisher.log({ level: 'info', event: 'command', action, app, channel, rule, kind: result.kind, seq: result.seq })
    if (command.action !== 'publish') return { ...result, rule }
    return { ...publishResult(result, published(command), withheldBy(planned, command)), rule }
  }
  if (isPlan) return work(publisher.clock())
  const digest = await sha256Hex(new Uint8Array([...new TextEncoder().encode(`${action}\0`), ...bytes]))
  return onceFor(publisher, token, { request: digest, work })
}

/** Names that a command may take away; none for a command that takes none. */
async function aliasesOf(publisher: Publisher, command: ChannelCommand): Promise<readonly string[]> {
  if (command.action !== 'channel-delete' && !('aliases' in command)) return []
  return (await loadHead(publisher, await loadForWriting(publisher), command))?.manifest.aliases ?? []
}

/** The policy allowed to change these names: one that the channel got since then is not taken away. */
function onlyNames(names: readonly string[], command: ChannelCommand, planned: Plan): Plan {
  const { edit, state } = planned
  const check = (aliases?: readonly string[]): void => {
    const other = changedBy(command, aliases).find((name) => !names.includes(name))
    if (other === undefined) return
    throw new PlatteError('conflict', `${command.channel} got the name ${other} meanwhile`, {
      hint: 'run the same command again',
    })
  }
  check(state.head?.manifest.aliases)
  if ('brake' in edit) return planned
  const apply: typeof edit.apply = (current, ...rest) => {
    check(current.aliases)
    return edit.apply(current, ...rest)
  }
  return { ...planned, edit: { ...edit, apply } }
}

function signingOf({ release }: Publisher, { origin, isRecorded }: Authorised, proposal?: Proposal) {
  if (proposal === undefined) return isRecorded ? { provenance: origin } : {}
  const provenance = isRecorded || proposal.hasProvenance ? origin : undefined
  return { at: proposal.issuedAtMs, provenance, seal: countersign(release, proposal) }
}

const uploadIt = { hint: 'adopt with --packages copy, or without --endpoint' }

async function execute(publisher: Publisher, command: ChannelCommand, planned: Plan, seal: Seal | undefined) {
  if (command.action === 'channel-rename' && seal)
    throw new PlatteError('refused', 'renaming makes two manifests, which cannot be signed together', {
      hint: 'create a channel with the new name that has the old one as an alias',
    })
  if (command.action === 'publish' && planned.manifest)
    for (const [i, { size, sha256, sha1 }] of filesOf(published(command)).entries())
      await requireReceipt(publisher, planned.packages[i] ?? '', { size, sha256, sha1 })
  if (command.action === 'adopt' && planned.manifest)
    for (const { key, codebase, size, sha256, sha1 } of newPackages(planned)) {
      if (codebase !== undefined)
        throw new PlatteError('refused', `${codebase}: only what was read here is signed`, uploadIt)
      await requireReceipt(publisher, key, { size, sha256, sha1 })
    }
  return commit(publisher, planned, seal)
}

const maxUseBytes = 64 * 1024

/** The use of a token, `publish/<day>/<id>`, unsigned: binds it to the bytes of one request. */
const schema = v.strictObject({
  format: v.literal(1),
  type: v.literal('mark'),
  /** SHA-256 of the request's path and body. */
  request: field.sha256,
  /** The first use, which also dates repetitions. */
  at: field.instant,
  /** Missing until the work is done. */
  answer: v.exactOptional(v.record(v.string(), v.unknown())),
})

type TokenUse = v.InferOutput<typeof schema>
export type Answer = NonNullable<TokenUse['answer']>

type Once = Readonly<{
  request: string
  work: (datedAt: number) => Promise<Answer>
  check?: (() => Promise<unknown>) | undefined
}>

/**
 * Works once for each token. The same request again (by its SHA-256) gets the same answer; if the first did not finish, it
 * works again with the same date. @param check may refuse a new request before its token is used up.
 * @throws PlatteError('conflict') for a token that was used for another request.
 */
export async function onceFor(
  writer: Pick<StoreWriter, 'documents' | 'clock' | 'random'>,
  { id, issuedAtMs }: Pick<VerifiedToken, 'id' | 'issuedAtMs'>,
  { request, work, check }: Once,
): Promise<Answer> {
  const { documents, clock } = writer
  const key = markKey(id, issuedAtMs)
  const fresh: TokenUse = { format: 1, type: 'mark', request, at: isoText(clock()) }
  const use = await update(writer, key, async () => {
    const stored = await documents.get(key, maxUseBytes)
    if (stored === undefined) await check?.()
    if (stored === undefined) return { result: fresh, write: { key, bytes: encode(fresh), token: undefined } }
    const known = field.decodeIfValid(schema, stored.bytes)
    if (known?.request === request) return { result: known }
    throw new PlatteError('conflict', 'this identity token was used for another request', {
      hint: 'a token allows one change: request a new token for each',
    })
  })
  if (use.answer !== undefined) return use.answer
  const answer = await work(Date.parse(use.at))
  const bytes = encode({ ...use, answer })
  // Without an answer that is too long: a repetition then works again, and finds nothing left to do.
  if (bytes.length > maxUseBytes) return answer
  return update(writer, key, async () => {
    const stored = await documents.get(key, maxUseBytes)
    const isDone = stored === undefined || field.decodeIfValid(schema, stored.bytes)?.answer !== undefined
    return { result: answer, write: isDone ? undefined : { key, bytes, token: stored.token } }
  })
}
