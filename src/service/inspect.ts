/** Goes through a whole store: chain, digests, packages, orphans. Reads everything, writes nothing. */
import type { Package, Release } from '../core/channel.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { catalogKey, channelFolder, channelKey, notesKey, rootKey } from '../documents/paths.ts'
import { PlatteError } from '../errors.ts'
import type { NewHasher } from '../ports/hasher.ts'
import type { Packages } from '../ports/packages.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type VerifiedChannel, verifyPast } from '../trust/verify-channel.ts'
import { packagesOf } from './catalog-cache.ts'
import { type CatalogState, channelEntry, loadCatalog, type Place, placesOf, type Reading } from './reading.ts'
import { loadForWriting, loadHead } from './writing.ts'

/** Something to know about one key of the store. */
export interface Finding {
  /** `error`: what is stored is not what was signed; `note`: worth a look, and harmless. */
  readonly level: 'error' | 'note'
  readonly key: string
  readonly problem: string
}

/** What was gone through. */
export interface Inspection {
  readonly findings: readonly Finding[]
  readonly channels: number
  readonly manifests: number
  readonly packages: number
}

export interface Inspecting extends Reading {
  readonly packages: Packages
  readonly newHasher: NewHasher
  /** Is told of every package before it is read; what it returns is told of the bytes, for a progress bar. */
  readonly onPackage?: (one: Package) => { readonly add: (bytes: number) => void; readonly end: () => void }
}

/** The walk so far. */
interface Walk extends Inspecting {
  readonly state: CatalogState
  readonly findings: Finding[]
  /** Keys that something verified accounts for. */
  readonly known: Set<string>
  /** Packages to read, by key. */
  readonly wanted: Map<string, Package>
}

/** Notes are short; a longer one is not ours. */
const maxNotesBytes = 16 * 1024 * 1024

/** @throws PlatteError where the root or the catalog cannot be verified at all: nothing can be said of the rest. */
export async function inspectStore(inspecting: Inspecting): Promise<Inspection> {
  const state = await loadForWriting(inspecting)
  const walk: Walk = { ...inspecting, state, findings: [], known: new Set([catalogKey]), wanted: new Map() }
  await attempt(walk, catalogKey, () => loadCatalog(inspecting))
  for (let version = 1; version <= state.root.root.version; version++) walk.known.add(rootKey(version))
  let manifests = 0
  const places = placesOf(state.catalog.catalog)
  for (const place of places) manifests += await inspectChannel(walk, place)
  for (const [key, one] of walk.wanted) await attempt(walk, key, () => inspectPackage(walk, key, one))
  await findOrphans(walk)
  return { findings: walk.findings, channels: places.length, manifests, packages: walk.wanted.size }
}

/** Runs one step; what it throws on purpose becomes a finding of that key. */
async function attempt<T>(walk: Walk, key: string, step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step()
  } catch (error) {
    if (!(error instanceof PlatteError)) throw error
    walk.findings.push({ level: 'error', key, problem: error.message })
    return undefined
  }
}

/** @returns how many manifests of the chain are good. */
async function inspectChannel(walk: Walk, place: Place): Promise<number> {
  const named = channelEntry(walk.state.catalog.catalog, place.app, place.channel)?.seq ?? 0
  const key = channelKey(place.app, place.channel, named)
  let link = await attempt(walk, key, () => loadHead(walk, walk.state, place))
  if (link === undefined) {
    for (let seq = 1; seq <= named; seq++) walk.known.add(channelKey(place.app, place.channel, seq))
    return 0
  }
  if (link.manifest.seq > named)
    walk.findings.push({ level: 'note', key, problem: `${link.manifest.seq} is committed and waits for a refresh` })
  for (const [name, one] of packagesOf(link.manifest)) walk.wanted.set(name, one)
  let good = 0
  for (; link !== undefined; link = await previousOf(walk, place, link)) {
    good++
    walk.known.add(channelKey(place.app, place.channel, link.manifest.seq))
    for (const name of packagesOf(link.manifest).keys()) walk.known.add(name)
    for (const release of link.manifest.releases) await inspectNotes(walk, release)
  }
  return good
}

async function previousOf(walk: Walk, place: Place, link: VerifiedChannel): Promise<VerifiedChannel | undefined> {
  const { previous, seq } = link.manifest
  if (previous === undefined) return undefined
  const key = channelKey(place.app, place.channel, seq - 1)
  walk.known.add(key)
  return attempt(walk, key, async () => {
    const stored = await walk.documents.get(key, maxChannelBytes)
    if (stored === undefined) throw new PlatteError('missing', 'is not in the store: the history before it is lost')
    return verifyPast(stored.bytes, previous, { ...place, seq: seq - 1 })
  })
}

async function inspectNotes(walk: Walk, { notes, version }: Release): Promise<void> {
  if (notes === undefined || walk.known.has(notesKey(notes.sha256))) return
  const key = notesKey(notes.sha256)
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
  const lists = [
    ...['root/', 'apps/', 'notes/'].map((prefix) => walk.documents.list?.(prefix)),
    walk.packages.list?.('packages/'),
  ]
  for (const list of lists)
    for await (const key of list ?? [])
      if (!walk.known.has(key)) walk.findings.push({ level: 'note', key, problem: orphanOf(walk, key) })
}

function orphanOf({ state }: Walk, key: string): string {
  const [kind, app = '', channel = ''] = key.split('/')
  if (kind === 'apps' && channelEntry(state.catalog.catalog, app, channel) === undefined)
    return `${channelFolder(app, channel)} is in no catalog: a refresh names it if it verifies`
  return 'nothing that was verified names it'
}
