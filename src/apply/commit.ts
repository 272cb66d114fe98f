/**
 * Carries out a plan: the next manifest of each channel, then one catalog that names all of them and has every hold. Until
 * that catalog is there, machines get what they got before; from then on, what the file says. Safe to repeat.
 */
import { withBrakes, withCatalog } from '../catalog/catalog-log.ts'
import { commitNext, loadHead } from '../catalog/commit-channel.ts'
import { checkKeys, editCatalog, entryNaming } from '../catalog/edit-catalog.ts'
import { type CatalogState, type ChannelRef, channelEntry, signersOf } from '../catalog/read.ts'
import { createAll } from '../channels/commit.ts'
import type { Committer } from '../channels/plan.ts'
import { type Catalog, withEntries } from '../documents/catalog.ts'
import { asPartOf } from '../documents/parts.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Hold } from '../release/channel.ts'
import { withField } from '../release/edits.ts'
import { type ApplyPlan, type PlannedChannel, planApply } from './plan.ts'
import { isNothing, type Summary, summaryOf } from './summary.ts'

export interface Applied extends Summary {
  readonly kind: 'changed' | 'unchanged' | 'dry-run'
  /** `false`: live after the next refresh, because there is no timestamp key here. */
  readonly inForce: boolean
  /** Of a plan for somebody else: its name, which makes sure that nothing else is carried out. */
  readonly plan?: string
}

/** What a plan would do. */
export const previewApply = (planned: ApplyPlan): Applied => ({
  kind: 'dry-run',
  inForce: false,
  ...summaryOf(planned),
})

/**
 * @throws PlatteError('credentials') without the keys, before anything is written; 'conflict' where others changed the same
 *   meanwhile: what is stored is whole, and the same command again goes on.
 */
export async function commitApply(writer: Committer, planned: ApplyPlan): Promise<Applied> {
  const channels = channelsIn(planned)
  const signing = channels.filter(({ plan }) => plan.manifest !== undefined)
  if (signing.length > 0) checkKeys(writer, planned.state)
  const isCatalogs = planned.apps.some(({ name }) => name !== undefined) || channels.some((one) => one.holds)
  if (isCatalogs) signersOf(writer.timestamp, 'timestamp', planned.state.root)
  // One document changes at once anyway, and without the timestamp key, a refresh has to name the manifests.
  const isPart = writer.timestamp.length > 0 && signing.length + Number(isCatalogs) > 1
  for (const one of signing) await commitManifest(writer, planned, one, isPart)
  const inForce = writer.timestamp.length > 0
  const { written = false } = inForce
    ? await editCatalog(writer, (catalog, state) => nameAll(writer, planned, catalog, state))
    : {}
  const summary = summaryOf(planned)
  if (isNothing(planned)) return { kind: written ? 'changed' : 'unchanged', inForce, ...summary }
  if (isNothing(await planApply(writer, planned.wish, planned.issue))) return { kind: 'changed', inForce, ...summary }
  throw new PlatteError('conflict', 'somebody else changed these channels at the same time', {
    hint: 'run the same command again, and compare with `platte history`',
  })
}

const channelsIn = ({ apps }: ApplyPlan): readonly PlannedChannel[] => apps.flatMap(({ channels }) => channels)

type Signing = Readonly<{ planned: ApplyPlan; state: CatalogState }>

function withHolds(
  writer: Committer,
  { planned, state }: Signing,
  catalog: Catalog,
  ref: ChannelRef,
  holds: readonly Hold[],
): Catalog {
  const entry = channelEntry(catalog, ref.app, ref.channel)
  if (entry === undefined) return catalog
  const edited = withField(entry, 'holds', holds.length > 0 ? [...holds] : undefined)
  return withBrakes(writer, withCatalog(state, catalog), ref, edited, planned.issue)
}

/** Where another writer wins the race, the file is planned again on the newest state. */
async function commitManifest(
  writer: Committer,
  planned: ApplyPlan,
  first: PlannedChannel,
  isPart: boolean,
): Promise<void> {
  let latest: ApplyPlan | undefined
  const { app, channel } = first.ref
  await commitNext(writer, first.ref, async () => {
    latest = latest ? await planApply(writer, planned.wish, planned.issue) : planned
    const { state } = latest
    const one = channelsIn(latest).find(({ ref }) => ref.app === app && ref.channel === channel)
    if (one?.plan.manifest) {
      await createAll(writer, one.plan.documents ?? new Map())
      return { state, manifest: isPart ? one.plan.manifest : asPartOf(one.plan.manifest, undefined) }
    }
    const head = one?.plan.state.head ?? (await loadHead(writer, state, first.ref))
    if (head === undefined) throw new Error('a new channel has a manifest')
    return { head }
  })
}

/** The catalog with every manifest that the store has of these channels, with their holds and the names of the apps. */
async function nameAll(writer: Committer, planned: ApplyPlan, catalog: Catalog, state: CatalogState): Promise<Catalog> {
  const { apps } = await planApply(writer, planned.wish, planned.issue, state)
  let edited = catalog
  for (const { app, name, channels, behind } of apps) {
    const named = behind.flatMap((head) => {
      const { channel } = head.manifest
      const entry = entryNaming(channelEntry(edited, app, channel), head, writer.clock())
      return entry ? [[channel, entry] as const] : []
    })
    if (named.length > 0) edited = withEntries(edited, app, Object.fromEntries(named))
    for (const { ref, holds } of channels) {
      if (holds) edited = withHolds(writer, { planned, state }, edited, ref, holds)
    }
    if (name !== undefined) edited = withName(edited, app, name)
  }
  return edited
}

function withName(catalog: Catalog, app: string, name: string): Catalog {
  const { channels = {}, name: _, ...others } = catalog.apps[app] ?? { channels: {} }
  return { ...catalog, apps: { ...catalog.apps, [app]: { ...(name && { name }), ...others, channels } } }
}
