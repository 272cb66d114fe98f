/** Goes through a whole store: chain, digests, packages, orphans. Reads everything, writes nothing. */
import { logProblems } from '../documents/catalog-log.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import {
  catalogKey,
  channelFolder,
  detailsKey,
  maxNotesBytes,
  notesKey,
  rootKey,
  stagedRootKey,
} from '../documents/paths.ts'
import { maxRootBytes } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import { type DetailedRelease, isDetailed, type Package, type Release } from '../release/channel.ts'
import { closedFloors } from '../release/rollout-status.ts'
import type { Packages } from '../store/packages.ts'
import { sha256Hex } from '../trust/digest.ts'
import { verifyHead, verifyPast } from '../trust/verify-documents.ts'
import { type TrustedRoot, verifyNextRoot, verifyPinnedRoot } from '../trust/verify-root.ts'
import { packagesOf } from './channels.ts'
import { waitAtMost } from './commit-channel.ts'
import { loadDetails } from './details.ts'
import { fillWarning } from './fill.ts'
import {
  type CatalogState,
  type ChannelRef,
  channelEntry,
  channelRefsOf,
  keyOf,
  loadCatalog,
  loadForWriting,
  readManifest,
  type StoreReader,
} from './read.ts'

/** `error`: a signed object is lost or differs; `note`: worth a look, and harmless. */
type AuditFinding = Readonly<{ level: 'error' | 'note'; key: string; problem: string }>

export interface Inspecting extends StoreReader {
  readonly packages: Packages
  readonly newHasher: NewHasher
  /** Whether this is a copy of a part: a missing object is no error. */
  readonly isPartial?: boolean | undefined
  /** Called before each package is read; returns its progress bar. */
  readonly onPackage?: (one: Package) => { readonly add: (bytes: number) => void; readonly end: () => void }
}

interface Walk extends Inspecting {
  readonly state: CatalogState
  readonly findings: AuditFinding[]
  /** Keys that something verified accounts for. */
  readonly known: Set<string>
  /** Apps with a manifest that cannot be read: what it named is no orphan. */
  readonly unsure: Set<string>
  readonly wanted: Map<string, Package>
  /** Of format 2, by digest; `undefined`: they cannot be read. */
  readonly details: Map<string, DetailedRelease | undefined>
}

/** @throws PlatteError where the root or the catalog cannot be verified. */
export async function inspectStore(inspecting: Inspecting) {
  const state = await loadForWriting(inspecting)
  const maps = { unsure: new Set<string>(), wanted: new Map(), details: new Map() }
  const collected = { findings: [], known: new Set([catalogKey]), ...maps }
  const walk: Walk = { ...inspecting, state, ...collected }
  await attempt(walk, catalogKey, () => loadCatalog(inspecting))
  for (let version = 1; version <= state.root.root.version; version++)
    walk.known.add(rootKey(version)).add(stagedRootKey(version))
  await inspectOlderRoots(walk)
  let manifests = 0
  note(walk, catalogKey, fillWarning(state.root, state.catalog.size))
  for (const problem of logProblems(state.catalog.catalog.log)) note(walk, catalogKey, problem)
  const refs = channelRefsOf(state.catalog.catalog)
  for (const ref of refs) manifests += await inspectChannel(walk, ref)
  for (const [key, one] of walk.wanted) await attempt(walk, key, () => inspectPackage(walk, key, one))
  await findOrphans(walk)
  const { documents, packages, findings, wanted } = walk
  const isListed = documents.list && packages.list
  const unchecked = isListed ? [] : ['objects and channels that nothing names: this store cannot be listed']
  return { findings, channels: refs.length, manifests, packages: wanted.size, unchecked }
}

/** Each root before the pinned one must lead to the next. A mirror has none before that of its own pin. */
async function inspectOlderRoots(walk: Walk): Promise<void> {
  let trusted: TrustedRoot | undefined
  let first = 1
  const isAbsent = async (version: number): Promise<boolean> =>
    walk.documents.get(rootKey(version), maxRootBytes).then(
      (stored) => stored === undefined,
      () => false,
    )
  while (first < walk.pin.version && (await isAbsent(first))) first++
  if (first > 1) note(walk, rootKey(first - 1), `is not here: readers whose pin is before root ${first} cannot start`)
  for (let version = first; version <= walk.pin.version && walk.pin.version > 1; version++) {
    const before: TrustedRoot | undefined = trusted
    trusted = await attempt(walk, rootKey(version), async () => {
      const stored = await walk.documents.get(rootKey(version), maxRootBytes)
      if (stored === undefined) throw new PlatteError('missing', 'is not in the store')
      if (before !== undefined) return verifyNextRoot(stored.bytes, before)
      return verifyPinnedRoot(stored.bytes, { version, sha256: await sha256Hex(stored.bytes) })
    })
    if (trusted === undefined) return
  }
}

/** A PlatteError becomes a finding. */
async function attempt<T>(walk: Walk, key: string, step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step()
  } catch (error) {
    if (!(error instanceof PlatteError)) throw error
    const level = walk.isPartial && error.code === 'missing' ? 'note' : 'error'
    walk.findings.push({ level, key, problem: error.message })
    return undefined
  }
}

/** After a bad manifest the walk goes on at the one that the catalog names. @returns how many are good. */
async function inspectChannel(walk: Walk, ref: ChannelRef): Promise<number> {
  const entry = channelEntry(walk.state.catalog.catalog, ref.app, ref.channel)
  const named = entry?.seq ?? 0
  const newest = await newestSeq(walk, ref, named)
  for (let seq = 1; seq <= newest; seq++) walk.known.add(keyOf(ref, seq))
  let sha256: string | undefined
  let good = 0
  for (let seq = newest; seq > 0; seq--) {
    const expected = seq === named ? entry?.sha256 : sha256
    const problem = 'does not follow the manifest before it'
    if (sha256 !== undefined && sha256 !== expected)
      walk.findings.push({ level: 'error', key: keyOf(ref, seq + 1), problem })
    const manifest = await inspectManifest(walk, ref, { seq, sha256: expected, isNewest: seq === newest })
    if (manifest && (seq === newest || seq === named))
      for (const [name, one] of namedBy(walk, manifest)) walk.wanted.set(name, one)
    if (manifest && seq === newest) noteFloors(walk, keyOf(ref, seq), manifest, entry?.rampAsOf)
    if (manifest) good++
    else walk.unsure.add(ref.app)
    sha256 = manifest?.previous
    if (sha256 === undefined) {
      if (seq <= named) break
      seq = named + 1
    }
  }
  const key = keyOf(ref, newest)
  const isBad = walk.findings.some((finding) => finding.key === key && finding.level === 'error')
  if (newest > named && !isBad) note(walk, key, 'is committed and waits for a refresh')
  return good
}

function noteFloors(walk: Walk, key: string, manifest: ChannelManifest, rampAsOf: string | undefined): void {
  const asOf = rampAsOf === undefined ? undefined : Date.parse(rampAsOf)
  for (const problem of closedFloors(manifest, walk.clock(), asOf)) note(walk, key, problem)
}

function note({ findings }: Walk, key: string, problem: string | undefined): void {
  if (problem !== undefined) findings.push({ level: 'note', key, problem })
}

async function newestSeq(walk: Walk, ref: ChannelRef, named: number): Promise<number> {
  const most = named + waitAtMost(walk.documents)
  let seq = named
  while (seq < most && (await readManifest(walk, ref, seq + 1))) seq++
  return seq
}

/** `sha256` where something verified names it. Today's release keys must have signed the newest. */
type Link = Readonly<{ seq: number; sha256: string | undefined; isNewest: boolean }>

async function inspectManifest(walk: Walk, ref: ChannelRef, link: Link): Promise<ChannelManifest | undefined> {
  const { seq, sha256, isNewest } = link
  const verified = await attempt(walk, keyOf(ref, seq), async () => {
    const stored = await readManifest(walk, ref, seq)
    const loss = isNewest ? 'its channel offers nothing' : 'the history before it is lost'
    if (stored === undefined) throw new PlatteError('missing', `is not in the store: ${loss}`)
    const past = sha256 === undefined ? undefined : await verifyPast(stored.bytes, sha256, { ...ref, seq })
    return isNewest || past === undefined ? verifyHead(stored.bytes, walk.state.root, { ...ref, seq }) : past
  })
  if (verified === undefined) return undefined
  if (isNewest) note(walk, keyOf(ref, seq), fillWarning(walk.state.root, verified.size, ref))
  for (const release of verified.manifest.releases) await inspectRelease(walk, ref.app, release)
  return verified.manifest
}

/** Packages of a manifest whose releases were inspected. */
function namedBy({ details }: Walk, { app, releases }: ChannelManifest): ReadonlyMap<string, Package> {
  const found = releases.map((one) => (isDetailed(one) ? one : details.get(one.details?.sha256 ?? '')))
  return packagesOf({ app, releases: found.filter((one) => one !== undefined) })
}

/** Reads each document of details once. */
async function inspectRelease(walk: Walk, app: string, release: Release): Promise<void> {
  const { sha256 } = release.details ?? {}
  if (sha256 !== undefined && walk.details.has(sha256)) return
  if (sha256 !== undefined) walk.known.add(detailsKey(sha256))
  const found = await attempt(walk, detailsKey(sha256 ?? ''), () => loadDetails(walk, app, release))
  if (sha256 !== undefined) walk.details.set(sha256, found)
  if (found === undefined) return void walk.unsure.add(app)
  for (const name of packagesOf({ app, releases: [found] }).keys()) walk.known.add(name)
  await inspectNotes(walk, found)
}

async function inspectNotes(walk: Walk, { notes, version }: Release): Promise<void> {
  const key = notesKey(notes?.sha256 ?? '')
  if (notes === undefined || walk.known.has(key)) return
  walk.known.add(key)
  await attempt(walk, key, async () => {
    const stored = await walk.documents.get(key, maxNotesBytes)
    if (stored === undefined) throw new PlatteError('missing', `the notes of ${version} are not in the store`)
    if ((await sha256Hex(stored.bytes)) !== notes.sha256) throw new PlatteError('mismatch', 'has another SHA-256')
  })
}

async function inspectPackage(walk: Walk, key: string, one: Package): Promise<void> {
  const open = await walk.packages.open(key)
  if (open === undefined) throw new PlatteError('missing', 'is not in the store')
  const hasher = walk.newHasher()
  const bar = walk.onPackage?.(one)
  let size = 0
  for await (const chunk of open.body) {
    size += chunk.length
    bar?.add(chunk.length)
    await hasher.update(chunk)
  }
  bar?.end()
  const { sha256, sha1 } = await hasher.digest()
  if (size !== one.size) throw new PlatteError('mismatch', `has ${size} bytes, not ${one.size}`)
  if (sha256 !== one.sha256) throw new PlatteError('mismatch', `its SHA-256 is ${sha256}, not ${one.sha256}`)
  if (sha1 !== one.sha1) throw new PlatteError('mismatch', `its SHA-1 is ${sha1}, not ${one.sha1}`)
}

async function findOrphans(walk: Walk): Promise<void> {
  const documents = ['root/', 'apps/', 'notes/'].map((prefix) => walk.documents.list?.(prefix))
  for (const list of [...documents, walk.packages.list?.('packages/')])
    for await (const key of list ?? []) {
      const problem = walk.known.has(key) ? undefined : orphanOf(walk, key)
      note(walk, key, problem)
    }
}

/** @returns `undefined` where a manifest that cannot be read may name the key. */
function orphanOf({ state, unsure }: Walk, key: string): string | undefined {
  const [kind, app = '', channel = ''] = key.split('/')
  if ((kind === 'packages' && unsure.has(app)) || (kind === 'notes' && unsure.size > 0)) return undefined
  if (kind === 'apps' && channelEntry(state.catalog.catalog, app, channel) === undefined)
    return `${channelFolder(app, channel)} is in no catalog: a refresh names it if it verifies`
  return 'no verified document names it'
}
