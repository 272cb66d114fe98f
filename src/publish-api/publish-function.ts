/** What the publish function does with an order of a pipeline: allowed, once for each token, signed, and in force. */

import { dateOf } from '../catalog/write.ts'
import { type ChannelCommand, changedBy, type OrderOf } from '../channels/commands.ts'
import { type CommandResult, executeCommand } from '../channels/execute-command.ts'
import { type Publisher, type PublishResult, publishStored, type StoredOrder, type Vouch } from '../channels/publish.ts'
import { durationMs } from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { rampOver } from '../release/edits.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type Authorised, type Authorising, authorise } from './authorise.ts'
import { countersigning, type Proposal, readProposal } from './countersign.ts'
import { requireReceipt } from './receipts.ts'
import { type Answer, onceFor } from './replay.ts'

/** What it takes; one for each process. */
export interface PublishFunction {
  readonly publisher: Publisher
  readonly authorising: Authorising
}

/** What was asked. */
export interface Request {
  readonly order: ChannelCommand
  /** A manifest that the pipeline signed, where it takes two. */
  readonly manifest?: object | undefined
  /** All of the request, which the token is bound to. */
  readonly bytes: Uint8Array
  readonly token: string
}

/**
 * Carries out what a pipeline asks for.
 * @throws PlatteError as `authorise`, `onceFor`, `publishStored`, `carryOut` and `countersigning`.
 */
export async function answerCommand({ publisher, authorising }: PublishFunction, asked: Request): Promise<Answer> {
  const { order, manifest, bytes, token } = asked
  const { action, app } = order
  const allowed = await authorise(authorising, token, { action, app, channels: changedBy(order) })
  const proposal = manifest && readProposal(manifest, publisher.clock())
  const work = async (datedAt: number): Promise<Answer> => {
    const result = await perform({ ...publisher, datedAt, ...signingOf(publisher, allowed, proposal) }, order)
    const { token: _, rule } = allowed
    publisher.log({
      level: 'info',
      event: 'order',
      action,
      app,
      channel: order.channel,
      rule,
      kind: result.kind,
      seq: result.seq,
    })
    return { ...result, rule }
  }
  if (order.dryRun) return work(publisher.clock())
  const request = await sha256Hex(new Uint8Array([...new TextEncoder().encode(`${action}\0`), ...bytes]))
  return onceFor(publisher, allowed.token, { request, work })
}

/** How its manifest is signed, dated, and what it says of where it came from. */
function signingOf(
  publisher: Publisher,
  { origin, isTold }: Authorised,
  proposal: Proposal | undefined,
): Partial<Publisher> {
  if (proposal === undefined) return isTold ? { provenance: origin } : {}
  const isSaid = isTold || proposal.hasProvenance
  return { ...countersigning(publisher, proposal), ...(isSaid && { provenance: origin }) }
}

/**
 * Carries out an order of any kind; packages that are published were uploaded before.
 * @param vouch as `publishStored` takes it; without it, receipts vouch.
 */
export async function perform(
  publisher: Publisher,
  order: ChannelCommand,
  vouch: Vouch = async (key, { size, sha256, sha1 }) =>
    void (await requireReceipt(publisher, key, { size, sha256, sha1 })),
): Promise<CommandResult | PublishResult> {
  if (order.action === 'publish') return publishStored(publisher, storedOrder(order, dateOf(publisher)), vouch)
  if (order.action === 'channel-rename' && publisher.sealManifest)
    throw new PlatteError('refused', 'renaming makes two manifests, which cannot be signed together', {
      hint: 'make a channel of the new name that has the old one as an alias',
    })
  return executeCommand(publisher, order)
}

function storedOrder(
  { action: _, notes, rampOver: over, create = false, ...order }: OrderOf<'publish'>,
  now: number,
): StoredOrder {
  const [first, ...extras] = order.packages
  return {
    ...order,
    create,
    packages: [first, ...extras.map((one) => ({ ...one, required: false }))],
    ...(notes !== undefined && { notes: new TextEncoder().encode(notes) }),
    ...(over && { ramp: rampOver({ start: now, overMs: durationMs(over), from: 0 }) }),
  }
}
