/** Carries out what was read of another server, by the commands of operators. Safe to repeat from any point. */
import { isLive } from '../catalog/channels.ts'
import { checkKeys } from '../catalog/edit-catalog.ts'
import { type CatalogState, channelsOf, loadForWriting, signersOf } from '../catalog/read.ts'
import { commit } from '../channels/commit.ts'
import { planCommand, risingOver } from '../channels/execute-command.ts'
import { checkFor } from '../channels/payload.ts'
import { type EditState, entryOf, loadState } from '../channels/plan.ts'
import { ofVersions } from '../channels/promote.ts'
import { checkPlanned, type Publisher, planRelease, publish, withOptional } from '../channels/publish.ts'
import type { StoredOrder } from '../channels/release-edit.ts'
import type { Source } from '../channels/staging.ts'
import { formatOfAliases } from '../documents/fields.ts'
import { packageFolder } from '../documents/paths.ts'
import { requireFormat } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { judged } from '../payload/check.ts'
import { findRelease, loadedBoard } from '../release/add-release.ts'
import { type BoardPackages, filesOf, type Package } from '../release/channel.ts'
import type { Configured } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'
import { remoteFile } from '../url-files/download.ts'
import { type Fetching, keepTold } from './fetch-packages.ts'
import type { Foreign, ForeignChannel, ForeignRelease, KnownNames } from './foreign.ts'
import { type Step, type Steps, stepsOf } from './import-steps.ts'
import { areSameFiles, placed } from './offer.ts'

export interface Importer {
  readonly publisher: Publisher
  readonly transport: Transport
  /** The server that named the packages. */
  readonly from: Configured
  /** Whether packages stay where they are: they are read once, and signed with their URLs. */
  readonly isReference: boolean
  /** Called before each step. @returns where the bytes of its downloads are counted. */
  readonly onStep: (wanted: ForeignChannel, step: Step) => { add(bytes: number): void; end(): void }
}

export interface PlannedChannel extends Steps {
  readonly wanted: ForeignChannel
}

export type PlannedImport = Readonly<{ channels: readonly PlannedChannel[]; state: CatalogState }>

/** A channel whose import stopped, and why. */
export type Stopped = Readonly<{ wanted: ForeignChannel; error: PlatteError }>

/** The names of channels and aliases in a store, of live and of deleted channels. */
export async function knownNames(publisher: Publisher): Promise<KnownNames> {
  const { catalog } = (await loadForWriting(publisher)).catalog
  return (app) => {
    const channels = Object.entries(channelsOf(catalog, app))
    const aliases = channels.flatMap(([channel, { aliases = [] }]) => aliases.map((alias) => [alias, channel] as const))
    return new Map([...aliases, ...channels.map(([channel]) => [channel, channel] as const)])
  }
}

export async function planImport(publisher: Publisher, { channels }: Foreign): Promise<PlannedImport> {
  const planned: PlannedChannel[] = []
  for (const wanted of channels) {
    const details = ofVersions(wanted.releases.map(({ version }) => version))
    const state = await loadState(publisher, { ref: wanted, details })
    const manifest = state.head?.manifest
    const there = isLive(manifest) ? manifest : undefined
    planned.push({ wanted, ...stepsOf(wanted, there, entryOf(state, wanted).holds) })
  }
  return { channels: planned, state: await loadForWriting(publisher) }
}

/** What the store needs for a plan, before anything is written. @throws PlatteError('refused', 'credentials') */
export function checkImport(publisher: Publisher, { channels, state }: PlannedImport): void {
  const steps = channels.flatMap((one) => one.steps)
  if (steps.length === 0) return
  const aliases = channels.filter((one) => one.steps.length > 0).flatMap(({ wanted }) => wanted.aliases)
  const [newer] = aliases.filter((alias) => formatOfAliases([alias]) > 1)
  if (newer !== undefined)
    requireFormat(state.root.root, formatOfAliases([newer]), `the alias ${JSON.stringify(newer)}`)
  checkKeys(publisher, state)
  if (steps.some((step) => 'command' in step && step.command.action === 'hold'))
    signersOf(publisher.timestamp, 'timestamp', state.root)
}

/** A channel stops at its first failure, since machines would pass by a floor that is missing; the others go on. */
export async function carryOut(importer: Importer, { channels }: PlannedImport): Promise<readonly Stopped[]> {
  const stopped: Stopped[] = []
  for (const { wanted, steps } of channels)
    try {
      for (const step of steps) {
        const bar = importer.onStep(wanted, step)
        await carryOutStep(importer, step, bar.add)
          .catch((error: unknown) => {
            throw 'release' in step ? placed(error, `${step.order.version} for ${step.order.board}`) : error
          })
          .finally(bar.end)
      }
    } catch (error) {
      if (!(error instanceof PlatteError)) throw error
      stopped.push({ wanted, error })
    }
  return stopped
}

async function carryOutStep(importer: Importer, step: Step, onBytes: OnBytes): Promise<void> {
  const { publisher } = importer
  if ('command' in step) await commit(publisher, await planCommand(publisher, step.command))
  else await publishRelease(importer, step, onBytes)
}

type OnBytes = (bytes: number) => void

type ReleaseStep = Extract<Step, { readonly order: unknown }>

/** Packages that another channel has are not downloaded again; the others are read once, where their digests are told. */
async function publishRelease(
  importer: Importer,
  { order: placed, release }: ReleaseStep,
  onBytes: OnBytes,
): Promise<void> {
  const { publisher, isReference } = importer
  const order = { ...placed, ...defined({ ramp: risingOver(release.rampOver, publisher.clock()) }) }
  const known = packagesIn(
    await loadState(publisher, { ref: order, others: 'readable', details: ofVersions([order.version]) }),
    release,
  )
  if (known) {
    return publishStored(publisher, { ...order, content: known })
  }
  const [first, ...extras] = release.files
  const sources = [
    await open(importer, first),
    ...(await Promise.all(extras.map((file) => open(importer, file)))),
  ] as const
  const told = isReference ? undefined : toldOf(sources)
  if (told) {
    const content = { codebases: [], packages: withOptional(packagesOf(told)) }
    return publishStored(publisher, { ...order, content }, { told, onBytes })
  }
  await publish(publisher, { ...order, sources, ...(isReference && { codebases: [codebaseOf(first.url)] }) }, onBytes)
}

type Told = Source & Package
type Unread = Readonly<{ told: readonly Told[]; onBytes: OnBytes }>

const packagesOf = (told: readonly Told[]) =>
  told.map(({ name, size, sha256, sha1 }) => ({ name, size, sha256, sha1 })) as [Package, ...Package[]]

/** @returns `undefined` where a digest of one is not told. */
function toldOf(sources: readonly Source[]): readonly Told[] | undefined {
  const told = sources.flatMap(({ sha256, sha1, ...one }) => (sha256 && sha1 ? [{ ...one, sha256, sha1 }] : []))
  return told.length === sources.length ? told : undefined
}

/** @param unread packages that may be absent. What is refused is refused before they are read. */
async function publishStored(publisher: Publisher, order: StoredOrder, unread?: Unread): Promise<void> {
  const planned = await planRelease(publisher, order)
  if (unread && planned.manifest) {
    const { told, onBytes } = unread
    checkKeys(publisher, planned.state.catalog)
    const checkOf = checkFor(publisher, order.app, planned.state)
    const check: Fetching['check'] = (body, file, isFirst) =>
      order.raw ? body : judged(body, checkOf(file, isFirst ? 0 : 1, order.version))
    const guarded = told.map((one, i) => ({ ...one, open: () => check(one.open(), one, i === 0) }))
    await keepTold(publisher, packageFolder(order, filesOf(order.content)), guarded, { check, onBytes })
  }
  await checkPlanned(publisher, order, planned, unread !== undefined)
  await commit(publisher, planned)
}

const codebaseOf = (url: string): string => url.slice(0, url.lastIndexOf('/') + 1)

function packagesIn({ head, others }: EditState, { version, board, files }: ForeignRelease): BoardPackages | undefined {
  const manifests = [...(head ? [head.manifest] : []), ...others.values()]
  const found = manifests.map((one) => loadedBoard(findRelease(one, version), board))
  return found.find((one): one is BoardPackages => areSameFiles(filesOf(one), files))
}

async function open({ transport, from }: Importer, { url, name, size, sha1, sha256 }: ForeignRelease['files'][number]) {
  const file = await remoteFile(url, { transport, from, size })
  const isSumKnown = sha1 !== undefined || sha256 !== undefined
  return { ...file, name, ...defined({ sha1, sha256 }), open: () => file.open(isSumKnown) }
}
