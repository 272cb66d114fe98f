/** Executes the commands of pipelines: allowed by the policy, once for each token, planned, signed and committed. */
import { type Action, type ChannelCommand, changedBy, readCommand } from '../channels/commands.ts'
import { commit, preview, type Signing } from '../channels/commit.ts'
import { planCommand } from '../channels/execute-command.ts'
import type { EditResult, Plan } from '../channels/plan.ts'
import { type Publisher, publishResult, withOptional } from '../channels/publish.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type Authorised, type Authorising, authorise } from './authorise.ts'
import { countersign, type Proposal, readProposal } from './countersign.ts'
import { requireReceipt } from './receipts.ts'
import { type Answer, onceFor } from './replay.ts'

export interface PublishFunction {
  readonly publisher: Publisher
  readonly authorising: Authorising
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
  readonly token: string
}

/** @throws PlatteError('usage') naming the first member at fault. */
export function readRequest(action: Action, body: Readonly<Record<string, unknown>>): CommandRequest {
  const { manifest, dryRun: isPlan = false, ...fields } = body
  if (typeof isPlan !== 'boolean') throw new PlatteError('usage', `${action}: dryRun: must be true or false`)
  if (manifest !== undefined && (typeof manifest !== 'object' || manifest === null))
    throw new PlatteError('usage', 'manifest: must be a signed envelope, {"payload":…,"signatures":[…]}')
  return { command: readCommand(action, fields) as ChannelCommand, isPlan, manifest }
}

/**
 * Executes the command of a pipeline.
 * @throws PlatteError as `authorise`, `onceFor`, `planCommand`, `commit` and `countersign`.
 */
export async function answerCommand({ publisher, authorising }: PublishFunction, request: Request): Promise<Answer> {
  const { command, isPlan, manifest, bytes, token } = request
  const { action, app, channel } = command
  const allowed = await authorise(authorising, token, { action, app, channels: changedBy(command) })
  const proposal = manifest && readProposal(manifest, publisher.clock())
  const { rule } = allowed
  const work = async (at: number): Promise<Answer> => {
    const signing = { at, ...signingOf(publisher, allowed, proposal) }
    const planned = await planCommand(publisher, command, signing)
    const result = isPlan ? await preview(publisher, planned) : await execute(publisher, command, { planned, signing })
    publisher.log({ level: 'info', event: 'command', action, app, channel, rule, kind: result.kind, seq: result.seq })
    return { ...(command.action === 'publish' ? publishResult(result, withOptional(command.packages)) : result), rule }
  }
  if (isPlan) return work(publisher.clock())
  const digest = await sha256Hex(new Uint8Array([...new TextEncoder().encode(`${action}\0`), ...bytes]))
  return onceFor(publisher, allowed.token, { request: digest, work })
}

function signingOf(
  { release }: Publisher,
  { origin, isRecorded }: Authorised,
  proposal: Proposal | undefined,
): Signing {
  if (proposal === undefined) return isRecorded ? { provenance: origin } : {}
  const provenance = isRecorded || proposal.hasProvenance ? origin : undefined
  return { at: proposal.issuedAtMs, provenance, seal: countersign(release, proposal) }
}

async function execute(
  publisher: Publisher,
  command: ChannelCommand,
  { planned, signing }: { readonly planned: Plan; readonly signing: Signing },
): Promise<EditResult> {
  if (command.action === 'channel-rename' && signing.seal)
    throw new PlatteError('refused', 'renaming makes two manifests, which cannot be signed together', {
      hint: 'create a channel with the new name that has the old one as an alias',
    })
  if (command.action === 'publish' && planned.manifest)
    for (const [i, { size, sha256, sha1 }] of command.packages.entries())
      await requireReceipt(publisher, planned.packages[i] ?? '', { size, sha256, sha1 })
  return commit(publisher, planned, signing.seal)
}
