/** Asks an upstream what it offers, and compares that with what a channel has: what is new becomes a command. */
import type { ChannelRef, StoreReader } from '../catalog/read.ts'
import type { AdoptCommand } from '../channels/adopt-edit.ts'
import { readCommand } from '../channels/commands.ts'
import { type EditState, entryOf, loadDetailed, loadState } from '../channels/plan.ts'
import { effectiveOf, ofVersions } from '../channels/promote.ts'
import { withOptional } from '../channels/publish.ts'
import type { ReleaseDetails } from '../documents/releases-json.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { boardOf, findRelease, loadedBoard, refusal, sameJson } from '../release/add-release.ts'
import {
  type BoardContent,
  type BoardPackages,
  filesOf,
  isImage,
  type Package,
  type RampStep,
} from '../release/channel.ts'
import { isHoldOf } from '../release/edits.ts'
import { newestFirst } from '../release/version.ts'
import { marksOnlyHere } from './fcos.ts'
import { areSameFiles, type OfferedFiles, type OfferedImage, type OfferedRelease, type Upstream } from './offer.ts'

type Choices = Partial<
  Pick<AdoptCommand, 'after' | 'rampOver' | 'held' | 'create' | 'createBoard' | 'raw' | 'belowNewest' | 'skipFloors'>
>

export interface Adoption extends Choices {
  readonly app: string
  /** The channel of the upstream. */
  readonly channel: string
  readonly boards: readonly string[]
  /** The own channel of the same app. */
  readonly to: string
  /** `reference`: packages stay at the upstream's URLs, and are read once. */
  readonly packages: 'copy' | 'reference'
  /** Components, notes and CVEs of a new release. @throws PlatteError for a list that cannot be read. */
  readonly details?: (release: Readonly<{ version: string; board: string }>) => ReleaseDetails | undefined
}

/** A release of one board whose packages were not read yet. */
export interface Unread extends OfferedFiles {
  readonly board: string
  readonly codebases: readonly string[]
}

export interface Found {
  /** Digests of what was not read yet, and that the upstream does not tell, are zeros. */
  readonly command: AdoptCommand
  readonly unread: readonly Unread[]
  /** Sentences for the operator. */
  readonly warnings: readonly string[]
  /** Boards for which the upstream refused to answer; the others go on. */
  readonly refused: readonly string[]
}

type Boards = ReadonlyMap<string, readonly OfferedRelease[]>

/**
 * @throws PlatteError as the upstream's `ask`; 'mismatch' for other bytes of a known version, or the packages of another
 *   board; 'refused' where it offers nothing for any board, or less than the channel has.
 */
export async function lookUp(reader: StoreReader, upstream: Upstream, adoption: Adoption): Promise<Found> {
  const { app, channel, to } = adoption
  const named = await loadState(reader, { ref: { app, channel: to }, others: 'readable' })
  const found = new Map<string, readonly OfferedRelease[]>()
  const refused = new Map<string, PlatteError>()
  for (const board of adoption.boards) {
    const isKnown = (version: string): boolean =>
      channelsIn(named).some((one) => boardOf(findRelease(one, version), board) !== undefined)
    const releases = await upstream.ask({ app, channel, board, isKnown }).catch((error: unknown) => {
      if (!(error instanceof PlatteError) || error.code !== 'refused') throw error
      refused.set(board, error)
    })
    if (releases) found.set(board, releases)
  }
  const versions = [...found.values()].flat().map(({ version }) => version)
  const state = await loadDetailed(reader, named, ofVersions(versions))
  const offering = new Map([...found].filter(([, releases]) => releases.length > 0))
  const where = `${upstream.name}, channel ${channel}`
  const [first] = refused.values()
  if (offering.size === 0 && first) throw first
  if (offering.size === 0)
    throw refusal(`${where}: offers nothing for ${adoption.boards.join(', ')}`, 'check the channel, boards and app')
  checkBoards(offering, adoption, where)
  const silent = adoption.boards.filter((board) => !offering.has(board) && !refused.has(board))
  const warnings = [
    ...[...refused.values()].map(({ message }) => message),
    ...silent.map((board) => `${where}: offers nothing for ${board}`),
    ...notesOf(offering, where),
    ...marksOnlyHere(state.head?.manifest, [...offering.values()].flat()).map((one) => `${where}: ${one}`),
    ...[...offering].flatMap(([board, releases]) => goneBack(state, adoption, { board, releases, where })),
  ]
  return { ...commandOf(state, adoption, offering, where), warnings, refused: [...refused.keys()] }
}

const notesOf = (found: Boards, where: string): readonly string[] => {
  const all = [...found.values()].flat().flatMap((one) => ('image' in one ? [one] : []))
  return [...new Set(all.flatMap(({ version, notes }) => notes.map((note) => `${where}: ${version} ${note}`)))]
}

/** What this channel, or another one of the app, has of a version. */
const knownOf = (state: EditState, version: string, board: string): BoardContent | undefined =>
  channelsIn(state)
    .map((one) => loadedBoard(findRelease(one, version), board))
    .find((packages) => packages !== undefined)

const channelsIn = ({ head, others }: EditState) => [...(head ? [head.manifest] : []), ...others.values()]

/** A server that does not know a board may answer with the packages of another one. One file of another kind may be for several. */
function checkBoards(found: Boards, { raw }: Pick<Adoption, 'raw'>, where: string): void {
  const boardsOf = new Map<string, string>()
  for (const [board, releases] of found)
    for (const { version, packages, codebases = [] } of releases.filter((one) => 'packages' in one)) {
      const digest = packages[0].sha256 ?? packages[0].sha1 ?? ''
      const named = ['amd64-usr', 'arm64-usr', ...found.keys()].find(
        (other) => other !== board && codebases.some((url) => url.split('/').includes(other)),
      )
      const other = named ?? (raw || digest === '' ? undefined : boardsOf.get(digest))
      if (other !== undefined && other !== board)
        throw new PlatteError('mismatch', `${where}: ${version}: packages: are those of ${other}, not of ${board}`, {
          hint: 'check the names of the boards',
        })
      boardsOf.set(digest, board)
    }
}

type Compared = Readonly<{ board: string; releases: readonly OfferedRelease[]; where: string }>

/** @throws PlatteError('refused') where the own channel offers a higher release than the upstream. */
function goneBack(state: EditState, { to, app, belowNewest }: Adoption, { board, releases, where }: Compared) {
  const target = releases.findLast((one) => !('deadEnd' in one))
  const ref: ChannelRef = { app, channel: to }
  if (state.head === undefined || target === undefined) return []
  const { holds = [] } = entryOf(state, ref)
  const higher = effectiveOf(state, state.head.manifest)
    .releases.filter((one) => boardOf(one, board) && newestFirst(one, target) < 0)
    .map((one) => ({ ...one, isOffered: !one.withdrawn && !holds.some(isHoldOf(one.version, [board])) }))
  const [newest] = higher
  if (newest === undefined) return []
  const words = `${where}: offers ${target.version} for ${board}, lower than ${newest.version}, which ${to} has`
  const offered = higher.find(({ isOffered }) => isOffered)
  if (offered === undefined || belowNewest) return [`${words}${offered ? '' : ', withheld'}`]
  throw refusal(
    `${where}: offers ${target.version} for ${board}, lower than ${offered.version}, which ${to} offers: nothing was changed`,
    `if it withdrew ${offered.version}, withdraw it here, too: platte withdraw; --below-newest adopts the lower one`,
  )
}

interface Adopted extends Omit<ReleaseDetails, 'notes'> {
  readonly version: string
  readonly floor?: string
  readonly deadEnd?: string
  readonly offered?: true
  readonly ramp?: readonly RampStep[]
  readonly boards: Readonly<Record<string, BoardContent>>
  readonly notes?: string
}

function commandOf(
  state: EditState,
  adoption: Adoption,
  found: Boards,
  where: string,
): Pick<Found, 'command' | 'unread'> {
  const { app, channel: _, to, boards: __, packages: how, details, ...choices } = adoption
  const releases = new Map<string, Adopted>()
  const unread: Unread[] = []
  for (const [board, path] of found)
    for (const offered of path) {
      const { version, floor } = offered
      if ('areFiles' in offered && offered.areFiles && how === 'reference')
        throw refusal(`${where}: ${version}: its URL has a query, which clients do not send`, 'leave --packages out')
      const known = knownOf(state, version, board)
      if (known) checkSame(known, offered, `${where}: ${version} for ${board}`)
      else if ('packages' in offered) unread.push({ ...offered, board, codebases: offered.codebases ?? [] })
      const content = known ?? contentOf(offered, how)
      const isNew = state.head === undefined || findRelease(state.head.manifest, version) === undefined
      const { notes, ...inside } = (isNew && details?.({ version, board })) || {}
      const release = releases.get(version) ?? {
        ...{ version, boards: {}, ...inside },
        ...(notes && { notes: new TextDecoder().decode(notes) }),
        ...('image' in offered && planOf(offered)),
      }
      // A floor of one board is the newest of another that is behind.
      const why = floor ?? release.floor
      releases.set(version, { ...release, ...defined({ floor: why }), boards: { ...release.boards, [board]: content } })
    }
  const command = { app, channel: to, ...defined(choices), releases: [...releases.values()] }
  return { command: readCommand('adopt', command), unread }
}

const planOf = ({ deadEnd, isOffered, ramp }: OfferedImage) =>
  defined({ deadEnd, ramp, offered: isOffered ? (true as const) : undefined })

function contentOf(offered: OfferedRelease, how: Adoption['packages']): BoardContent {
  if ('image' in offered) return offered.image
  const { codebases = [], packages } = offered
  return { codebases: how === 'copy' ? [] : codebases, packages: unreadOf(packages) }
}

const unreadOf = (packages: OfferedFiles['packages']): BoardPackages['packages'] =>
  withOptional(
    packages.map(({ name, size, sha256 = '0'.repeat(64), sha1 = '0'.repeat(40), install }) => ({
      ...{ name, size, sha256, sha1, ...defined({ install }) },
    })) as [Package, ...Package[]],
  )

/** @throws PlatteError('mismatch') for other packages or bytes than a version was adopted with. */
function checkSame(content: BoardContent, release: OfferedRelease, where: string): void {
  const known = filesOf(content)
  const fail = (words: string): never => {
    throw new PlatteError('mismatch', `${where}: ${words}: it was replaced after it was adopted`, {
      hint: 'a published version never changes: nothing was changed; ask the owner of the upstream',
    })
  }
  if ('image' in release) {
    // What is new beside what was adopted is left alone.
    for (const member of ['checksum', 'oci'] as const) {
      const is = release.image[member]
      const was = isImage(content) ? content[member] : 'a package'
      if (is !== undefined && was !== undefined && was !== is) fail(`${member} is ${is}, and was ${was}`)
    }
    return
  }
  const { packages: offered } = release
  const { install } = offered[0]
  if (install && !sameJson(known[0]?.install, install)) fail('packages: what is run, or its first browser, is other')
  if (areSameFiles(known, offered)) return
  const first = known[0]?.name
  if (first !== offered[0]?.name) fail(`packages: the first is ${offered[0]?.name}, and was ${first}`)
  const missing = known.find(({ name }) => !offered.some((one) => one.name === name))
  if (missing) fail(`packages: ${missing.name} is missing`)
  for (const one of offered) {
    const own = known.find(({ name }) => name === one.name) ?? fail(`packages: ${one.name} is new`)
    for (const member of ['size', 'sha256', 'sha1'] as const)
      if (one[member] !== undefined && one[member] !== own[member])
        fail(`packages: ${one.name}: ${member} is ${one[member]}, and was ${own[member]}`)
  }
}
