/** Writes catalogs: each is an edit of the newest one, and verified as a reader would before it is swapped in. */
import { type Catalog, type CatalogChannel, checkCatalog, withEntry } from '../documents/catalog.ts'
import { durationMs, formatOfAliases } from '../documents/fields.ts'
import { refuseUnfinished } from '../documents/parts.ts'
import { catalogKey } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { isoText, lengthText, timeText } from '../kernel/format.ts'
import { describeError } from '../kernel/log.ts'
import { update } from '../store/update.ts'
import { seal } from '../trust/envelope.ts'
import { type VerifiedChannel, verifyCatalog } from '../trust/verify-documents.ts'
import { checkTimes, maxAheadMs, type TrustedRoot } from '../trust/verify-root.ts'
import { storeFailures } from './channels.ts'
import { loadHead, type Seal } from './commit-channel.ts'
import { checkCatalogFits } from './fill.ts'
import {
  type CatalogState,
  type ChannelRef,
  channelEntry,
  channelRefsOf,
  checkNotExpired,
  encode,
  loadForWriting,
  readManifest,
  type StoreWriter,
  signersOf,
} from './read.ts'

export interface CatalogOptions {
  /** The newest catalog that this process verified before: an older one is not signed again. */
  readonly seen?: CatalogState | undefined
  /** The root before the newest: a catalog signed by its keys is accepted, too. For a rotation that has just replaced them. */
  readonly before?: TrustedRoot | undefined
  /** Signs an expired one again, and replaces one that a wrong clock dated in the future. */
  readonly force?: boolean
}

type Edit = (catalog: Catalog, state: CatalogState) => Catalog | Promise<Catalog>
type CatalogEdit = Readonly<{ catalog: Catalog; written: boolean }>

/**
 * Writes the next catalog, issued later than the one before it, naming the newest root.
 * @param edit takes the newest catalog; the same object changes nothing.
 * @throws PlatteError('from-the-future') where the catalog or the clock here is wrong; 'credentials', 'conflict'.
 */
export async function editCatalog(writer: StoreWriter, edit: Edit, options: CatalogOptions = {}): Promise<CatalogEdit> {
  const { seen: newest, before, force = false } = options
  return update<CatalogEdit>(writer, catalogKey, async () => {
    const state = await loadForWriting(writer, newest, before)
    const current = state.catalog.catalog
    const edited = await edit(current, state)
    if (edited === current) return { result: { catalog: current, written: false } }
    const now = writer.clock()
    const isAhead = state.catalog.issuedAtMs > now + maxAheadMs
    if (isAhead && !force) {
      const ahead = lengthText(state.catalog.issuedAtMs - now)
      const message = `the catalog was issued at ${timeText(current.issuedAt)}, ${ahead} ahead of the clock here`
      throw new PlatteError('from-the-future', message, {
        hint: 'correct this clock; if the other clock was wrong, run `platte refresh --force`',
      })
    }
    if (!force) checkNotExpired(state, now)
    const seen = isAhead ? undefined : state.catalog
    const issuedAt = Math.max(now, (seen?.issuedAtMs ?? 0) + 1)
    const { bytes, catalog } = await sealCatalog(writer, state.root, edited, issuedAt)
    await verifyCatalog(bytes, state.root, { now, seen })
    return { result: { catalog, written: true }, write: { key: catalogKey, bytes, token: state.token } }
  })
}

type Content = Pick<Catalog, 'apps' | 'log'>

export async function sealCatalog(writer: StoreWriter, root: TrustedRoot, { apps, log }: Content, issuedAt: Instant) {
  const entries = Object.values(apps).flatMap(({ channels }) => Object.values(channels))
  const catalog = checkCatalog({
    format: log ? 2 : formatOfAliases(entries.flatMap(({ aliases = [] }) => aliases)),
    type: 'catalog',
    root: root.root.version,
    issuedAt: isoText(issuedAt),
    expires: isoText(issuedAt + durationMs(root.root.roles.timestamp.maxValidity)),
    apps,
    ...(log && { log }),
  })
  const bytes = await seal('platte-catalog+jws', encode(catalog), signersOf(writer.timestamp, 'timestamp', root))
  return { bytes, catalog }
}

/**
 * Names the newest manifest of a channel in the catalog, and keeps its holds.
 * @throws PlatteError('from-the-future') for a manifest that readers refuse yet: the catalog keeps naming the one before.
 */
function nameHead(catalog: Catalog, ref: ChannelRef, head: VerifiedChannel, now: Instant): Catalog {
  const entry = entryNaming(channelEntry(catalog, ref.app, ref.channel), head, now)
  return entry ? withEntry(catalog, ref, entry) : catalog
}

/** @returns `undefined` where the entry names it, or a later one. @throws as `nameHead`. */
export function entryNaming(known: CatalogChannel | undefined, head: VerifiedChannel, now: Instant) {
  const { app, channel, seq, issuedAt, aliases } = head.manifest
  checkTimes({ issuedAt }, `${app}/${channel}`, now)
  const { aliases: _, ...entry } = known ?? { seq: 0 }
  const { sha256, size } = head
  return entry.seq >= seq ? undefined : { ...entry, seq, sha256, size, ...(aliases && { aliases }) }
}

/** @param seal signs in place of the release keys. @throws PlatteError('credentials', 'expired') */
export function checkKeys({ release, timestamp, clock }: StoreWriter, state: CatalogState, seal?: Seal): void {
  if (seal === undefined) signersOf(release, 'release', state.root)
  if (timestamp.length === 0) return
  signersOf(timestamp, 'timestamp', state.root)
  checkNotExpired(state, clock())
}

/** Rolls the catalog forward to a manifest. @param more changes in the same swap. @returns whether the catalog names it now. */
export async function pointCatalogAt(
  writer: StoreWriter,
  ref: ChannelRef,
  head: VerifiedChannel,
  more: (catalog: Catalog, state: CatalogState) => Catalog = (catalog) => catalog,
): Promise<boolean> {
  if (writer.timestamp.length === 0) {
    const { catalog } = await loadForWriting(writer)
    return (channelEntry(catalog.catalog, ref.app, ref.channel)?.seq ?? 0) >= head.manifest.seq
  }
  await editCatalog(writer, async (catalog, state) => {
    // A rotation may have come between: the newest root decides.
    const newest = await loadHead(writer, state, ref)
    return more(nameHead(catalog, ref, newest ?? head, writer.clock()), state)
  })
  return true
}

/** Bounds of one pass of a schedule. */
export interface Slice {
  /** Counts the passes; some may be skipped. */
  readonly turn: number
  /** The most channels that the catalog names, that it does not name, and the most apps that are listed for those. */
  readonly most: number
  /** The most channels of each kind that are opened for a newer manifest. */
  readonly opens: number
}

export interface RefreshOptions extends CatalogOptions {
  /** Reads some channels only, and opens those with a newer manifest: for schedules. */
  readonly slice?: Slice
  readonly only?: ChannelRef | undefined
}

/** The most manifests that a pass goes forward in one channel: a pipeline may have committed many. */
const stepsAtMost = 5

/**
 * Signs the catalog again when a third of its validity has passed, or a newer manifest or root exists. `force` always
 * signs, also an expired one or one of the future. A channel that cannot be used does not stop the others.
 * @returns `rolled`: the channels that went forward; `problems`: a sentence for each channel whose newest manifest cannot
 *   be used, where the catalog keeps naming the one before.
 * @throws PlatteError('credentials') without the timestamp key, where something is to be signed; 'expired', 'rollback'.
 */
export async function refresh(writer: StoreWriter, options: RefreshOptions = {}) {
  let rolled: ChannelRef[] = []
  let failures: PlatteError[] = []
  const refreshed = async (current: Catalog, state: CatalogState): Promise<Catalog> => {
    rolled = []
    failures = []
    let edited = current
    let grown = 0
    const isToSign = options.force || isDue(state, writer.clock())
    // Renewal must not wait for what lies in the store: newer manifests are read in the next pass.
    if (options.slice && isToSign) return { ...current }
    const steps = (options.slice ?? options.only) && stepsAtMost
    for await (const ref of options.only ? [options.only] : refsToOpen(writer, current, options.slice)) {
      try {
        const head = await loadHead(writer, state, ref, steps)
        const next = head ? nameHead(edited, ref, head, writer.clock()) : edited
        const entry = next === edited ? undefined : channelEntry(next, ref.app, ref.channel)
        if (head === undefined || entry === undefined) continue
        refuseUnfinished(head.manifest)
        // One channel too many must not stop the catalog.
        grown = Math.max(grown, checkCatalogFits(state, ref, entry, grown) - state.catalog.size)
        rolled.push(ref)
        edited = next
      } catch (error) {
        failures.push(channelFailure(error))
      }
    }
    return edited === current && isToSign ? { ...current } : edited
  }
  const { catalog, written } = await editCatalog(writer, refreshed, options)
  for (const failure of failures) writer.log({ level: 'error', event: 'refresh', ...describeError(failure) })
  const kind = written ? 'refreshed' : 'unchanged'
  return { kind, expires: catalog.expires, rolled, problems: failures.map(messageOf) }
}

/** @throws everything but a problem of one channel. */
function channelFailure(error: unknown): PlatteError {
  if (error instanceof PlatteError && !storeFailures.includes(error.code)) return error
  throw error
}

/** The catalog's channels, and, where the store can list, those that were committed but never named. */
export async function allChannelRefs(store: StoreWriter, catalog: Catalog, slice?: Slice): Promise<ChannelRef[]> {
  const names = new Set(channelRefsOf(catalog).map(({ app, channel }) => `${app}/${channel}`))
  const apps: string[] = []
  for await (const app of store.documents.folders?.('apps/') ?? []) apps.push(app)
  for (const app of slice ? turnOf(apps, slice) : apps)
    for await (const channel of store.documents.folders?.(`apps/${app}/`) ?? []) names.add(`${app}/${channel}`)
  return [...names].sort().map((name) => {
    const [app = '', channel = ''] = name.split('/')
    return { app, channel }
  })
}

/** Every channel; in a slice, those with something newer, the unnamed ones first. */
async function* refsToOpen(writer: StoreWriter, catalog: Catalog, slice: Slice | undefined): AsyncIterable<ChannelRef> {
  const refs = await allChannelRefs(writer, catalog, slice)
  if (slice === undefined) return yield* refs
  const isNamed = ({ app, channel }: ChannelRef) => channelEntry(catalog, app, channel) !== undefined
  for (const kind of [refs.filter((ref) => !isNamed(ref)), refs.filter(isNamed)]) {
    let opened = 0
    for (const ref of turnOf(kind, slice)) {
      if (opened === slice.opens) break
      if (!(await hasNewer(writer, catalog, ref))) continue
      opened++
      yield ref
    }
  }
}

/** Steps of the golden ratio reach every item in a few rounds, whichever turns a schedule skips. */
function turnOf<T>(items: readonly T[], { turn, most }: Slice): readonly T[] {
  const start = Math.floor((((turn * (Math.sqrt(5) - 1)) / 2) % 1) * items.length)
  return [...items.slice(start), ...items.slice(0, start)].slice(0, most)
}

/** Whether there is a next manifest. Opening it finds out whether it is good. */
async function hasNewer(writer: StoreWriter, catalog: Catalog, ref: ChannelRef): Promise<boolean> {
  const seq = channelEntry(catalog, ref.app, ref.channel)?.seq ?? 0
  return readManifest(writer, ref, seq + 1).then(
    (found) => found !== undefined,
    (error: unknown) => channelFailure(error) !== undefined,
  )
}

function isDue({ catalog, root }: CatalogState, now: number): boolean {
  const third = (catalog.expiresMs - catalog.issuedAtMs) / 3
  return now >= catalog.issuedAtMs + third || root.root.version > catalog.catalog.root
}
