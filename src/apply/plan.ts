/** What a file changes in a store: a plan for each channel, and the holds and names that the catalog gets. Nothing is written. */
import { brakeWarnings } from '../catalog/catalog-log.ts'
import { isLive } from '../catalog/channels.ts'
import { type Issue, loadHead } from '../catalog/commit-channel.ts'
import { type CatalogState, type ChannelRef, channelsOf, loadForWriting, type StoreReader } from '../catalog/read.ts'
import { type EditState, entryOf, type ManifestEdit, type Plan, plan } from '../channels/plan.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import { requirePayloadKey } from '../payload/keys.ts'
import { findRelease, refusal, sameJson, withFollowed } from '../release/add-release.ts'
import type { Hold } from '../release/channel.ts'
import { type Change, diffBrakes } from '../release/diff.ts'
import type { VerifiedChannel } from '../trust/verify-documents.ts'
import { checkBoards } from './boards.ts'
import type { Config } from './config.ts'
import { configure, holdsOf, pathOf, type Wanted } from './desired.ts'
import { type AppState, type AppWish, finalsOf, wantedOf } from './finals.ts'
import { type Offering, reachBetween } from './reach.ts'

export interface PlannedChannel {
  readonly ref: ChannelRef
  /** Of its manifest; without one there, only the catalog changes. */
  readonly plan: Plan
  /** The holds that it gets; `undefined`: they stay. */
  readonly holds: readonly Hold[] | undefined
  readonly changes: readonly Change[]
  readonly warnings: readonly string[]
  readonly kind: 'created' | 'changed' | 'deleted'
}

export interface PlannedApp {
  readonly app: string
  /** The store has other apps, and not this one. */
  readonly isNew: boolean
  /** The name that it gets; empty removes it, `undefined`: it stays. */
  readonly name: string | undefined
  readonly channels: readonly PlannedChannel[]
  /** Which machines it reaches at once that were not reached before: sentences. */
  readonly reach: readonly string[]
  /** What its boards are otherwise than the file says. */
  readonly warnings: readonly string[]
  /** What machines get without it. */
  readonly before: Offering
  /** Newest manifests that the catalog does not name, of channels of the file and of deleted ones: an earlier run stopped. */
  readonly behind: readonly VerifiedChannel[]
}

export interface ApplyPlan {
  readonly wish: Wish
  readonly state: CatalogState
  readonly issue: Issue
  readonly apps: readonly PlannedApp[]
}

/** `prune` removes what the file does not mention of its apps. Apps that it does not mention stay. */
export interface Wish {
  readonly config: Config
  readonly prune: boolean
  /** The instant of the plan that its sender saw; by default, that of the change. */
  readonly asOf?: Instant
  /** What machines got then, by app: reach is counted from it. By default, what they get now. */
  readonly before?: ReadonlyMap<string, Offering>
  /** Refuses a plan that its sender must not carry out; called for each that is made. */
  readonly check?: (apps: readonly PlannedApp[]) => void
}

/** The instant as of which a plan says whom it reaches. */
export const asOf = ({ wish, issue }: Pick<ApplyPlan, 'wish' | 'issue'>): Instant => wish.asOf ?? issue.at

/** @throws PlatteError('refused', 'usage') naming the member of the file at fault. */
export async function planApply(
  reader: StoreReader,
  wish: Wish,
  issue: Issue,
  catalog?: CatalogState,
): Promise<ApplyPlan> {
  const state = catalog ?? (await loadForWriting(reader))
  const apps: PlannedApp[] = []
  for (const [app, config] of Object.entries(wish.config.apps)) {
    for (const [channel, { payloadKeys }] of Object.entries(config.channels))
      for (const key of payloadKeys || []) await requirePayloadKey(key, pathOf({ app, channel }, 'payload_keys'))
    const there = await loadApp(reader, state, app, Object.keys(config.channels))
    const before = wish.before?.get(app) ?? offeringOf(there)
    apps.push(planApp(there, { config, prune: wish.prune, asOf: asOf({ wish, issue }), before }, issue))
  }
  wish.check?.(apps)
  return { wish, state, issue, apps }
}

async function loadApp(reader: StoreReader, catalog: CatalogState, app: string, more: readonly string[]) {
  const heads = new Map<string, VerifiedChannel | undefined>()
  for (const channel of new Set([...Object.keys(channelsOf(catalog.catalog.catalog, app)), ...more]))
    heads.set(channel, await loadHead(reader, catalog, { app, channel }))
  return { app, catalog, heads }
}

/** Pure. */
function planApp(there: AppState, wish: AppWish, issue: Issue): PlannedApp {
  const { app, catalog, heads } = there
  const finals = finalsOf(there, wish)
  const others = new Map([...finals].filter(([, one]) => one !== 'deleted') as [string, ChannelManifest][])
  const channels = [...finals].flatMap(([channel, final]) => {
    const ref = { app, channel }
    const wanted = wantedOf(ref, wish)
    if (wanted === undefined && final !== 'deleted') return []
    const state: EditState = { catalog, head: heads.get(channel), others, unreadable: [] }
    return planChannel({ ref, wanted, state, isDeleted: final === 'deleted' }, issue)
  })
  const { apps } = catalog.catalog.catalog
  const { name: now } = apps[app] ?? {}
  const name = wish.config.name ?? (wish.prune ? '' : now)
  return {
    app,
    isNew: !Object.hasOwn(apps, app) && Object.keys(apps).length > 0,
    name: (name || undefined) === now ? undefined : name || '',
    channels: channels.sort(inOrder),
    warnings: checkBoards(there, wish),
    before: wish.before,
    reach: reachBetween(wish.before, offeringOf(there, others, channels), wish.asOf),
    behind: behindOf(there, wish),
  }
}

/** @param finals with these manifests, and the holds of these plans; without them, as it is. */
function offeringOf(
  { app, catalog, heads }: AppState,
  finals?: ReadonlyMap<string, ChannelManifest>,
  planned: readonly PlannedChannel[] = [],
): Offering {
  const given = new Map(planned.map(({ ref, holds }) => [ref.channel, holds]))
  const live = finals ?? [...heads].flatMap(([name, head]) => (isLive(head?.manifest) ? [[name, head.manifest]] : []))
  const entries = [...(live as Iterable<[string, ChannelManifest]>)].map(([channel, manifest]) => {
    const known = channelsOf(catalog.catalog.catalog, app)[channel] ?? { seq: 1, sha256: '', size: 1 }
    const holds = given.get(channel) ?? known.holds ?? []
    const offering = { entry: { ...known, holds: [...holds] }, manifest }
    return [channel, offering] as const
  })
  return new Map(entries)
}

function behindOf({ app, catalog, heads }: AppState, { config }: AppWish): readonly VerifiedChannel[] {
  const known = channelsOf(catalog.catalog.catalog, app)
  return [...heads].flatMap(([channel, head]) =>
    head &&
    head.manifest.seq > (known[channel]?.seq ?? 0) &&
    (Object.hasOwn(config.channels, channel) || isEnded(head.manifest))
      ? [head]
      : [],
  )
}

interface Planning {
  readonly ref: ChannelRef
  readonly wanted: Wanted | undefined
  readonly state: EditState
  readonly isDeleted: boolean
}

/** @returns an empty list where nothing changes. */
function planChannel({ ref, wanted, state, isDeleted }: Planning, issue: Issue): readonly PlannedChannel[] {
  const edit: ManifestEdit = {
    ref,
    create: true,
    partOf: 'apply',
    apply: (current, _, at) => (wanted ? configure(current, wanted) : ended(current, at)),
  }
  const planned = plan(edit, state, issue)
  const entry = entryOf(state, ref)
  const { holds: there = [] } = entry
  const final = planned.edited ?? state.head?.manifest ?? { releases: [] }
  const source = (planned.edited ?? state.head?.manifest)?.follow
  const offered = withFollowed(final, source && state.others.get(source.channel))
  const holds = wanted ? holdsOf(there, wanted, offered, isoText(issue.at)) : []
  const isHeldOtherwise = !sameJson(holds, there)
  if (planned.manifest === undefined && !isHeldOtherwise) return []
  const named = { ...entry, holds: [...holds] }
  const absent = holds.filter((one) => !there.includes(one) && !findRelease(offered, one.version))
  const warnings = [
    ...(isHeldOtherwise ? brakeWarnings(state.catalog, ref, named, issue) : []),
    ...absent.map(({ version }) => `${pathOf(ref, 'holds', version)}: not there yet: it is held when it comes`),
  ]
  return [
    {
      ...{ ref, plan: planned },
      holds: isHeldOtherwise ? holds : undefined,
      changes: [...planned.changes, ...diffBrakes({ holds: there }, { holds })],
      warnings: [...planned.warnings, ...warnings],
      kind: isDeleted ? 'deleted' : isLive(state.head?.manifest) ? 'changed' : 'created',
    },
  ]
}

/** As a deletion leaves a channel. */
function ended({ format, type, app, channel, seq, issuedAt, releases }: ChannelManifest, at: string): ChannelManifest {
  if (releases.length > 0) throw refusal(`${channel} got a release meanwhile`, 'run the same command again')
  return { format, type, app, channel, seq, issuedAt, expires: at, releases: [] }
}

/** Sources before their followers, deletions last: a run that is stopped leaves what readers understand. */
const inOrder = (a: PlannedChannel, b: PlannedChannel): number => rankOf(a) - rankOf(b)
const rankOf = ({ kind, plan: { edited } }: PlannedChannel): number => (kind === 'deleted' ? 2 : edited?.follow ? 1 : 0)
