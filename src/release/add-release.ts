/** Adds releases to a channel. Pure, and idempotent by content. */
import { PlatteError } from '../kernel/errors.ts'
import type { BoardPackages, Channel, RampStep, Release } from './channel.ts'
import { compareVersions, parseVersion } from './version.ts'

/** One version for one board. */
export interface Addition {
  readonly version: string
  readonly board: string
  readonly packages: BoardPackages
  readonly publishedAt: string
  readonly components?: Readonly<Record<string, string>>
  readonly cves?: readonly string[]
  readonly notes?: { readonly sha256: string; readonly size: number }
  /** Of a new release; a known one keeps its ramp. */
  readonly ramp?: readonly RampStep[]
}

/**
 * Puts a release, or a new board of a known one, into the channel.
 * @returns the same object where all of it was there already.
 * @throws PlatteError('refused') for a lower version; other bytes, components, CVEs or notes of a known version; and
 *   another spelling of it.
 */
export function addRelease<C extends Channel>(channel: C, addition: Addition): C {
  checkPlace(channel, addition)
  const known = findRelease(channel, addition.version)
  const release = known === undefined ? newRelease(addition) : mergeRelease(known, addition)
  if (release === known) return channel
  return { ...channel, releases: [release, ...channel.releases.filter((other) => other !== known)].sort(newestFirst) }
}

/**
 * Checks before the bytes are known that the version is not lower than the newest one of its board.
 * @throws PlatteError('refused')
 */
export function checkPlace(channel: Channel, { version, board }: { version: string; board: string }): void {
  if (boardOf(findRelease(channel, version), board)) return
  const parsed = parseVersion(version)
  const higher = channel.releases.find(
    (release) => boardOf(release, board) && compareVersions(parseVersion(release.version), parsed) > 0,
  )
  if (higher === undefined) return
  throw new PlatteError('refused', `${version} is lower than ${higher.version}, which ${board} already has here`, {
    hint: 'publish a higher version; machines are not moved back by publishing',
  })
}

/**
 * A version means the same bytes in every channel of an app.
 * @throws PlatteError('refused')
 */
export function checkSameBytes(
  channel: Channel,
  where: string,
  addition: Pick<Addition, 'version' | 'board' | 'packages'>,
): void {
  const known = boardOf(findRelease(channel, addition.version), addition.board)
  if (known === undefined || samePackages(known, addition.packages)) return
  throw new PlatteError(
    'refused',
    `${addition.version} for ${addition.board} is already in ${where}, with other bytes or packages (it has ${known.packages
      .map(({ name }) => name)
      .join(', ')})`,
    { hint: 'a published version never changes; publish these under a higher version' },
  )
}

/** The release of that version, however it is written (`4152.2` is `4152.2.0`). */
export function findRelease(channel: Channel, version: string): Release | undefined {
  const parsed = parseVersion(version)
  return channel.releases.find((release) => compareVersions(parseVersion(release.version), parsed) === 0)
}

const boardOf = (release: Release | undefined, board: string): BoardPackages | undefined =>
  release && Object.hasOwn(release.boards, board) ? release.boards[board] : undefined

function newRelease({ version, board, packages, publishedAt, components, cves, notes, ramp }: Addition): Release {
  return {
    version,
    publishedAt,
    ...(components && { components }),
    ...(cves && { cves }),
    ...(notes && { notes }),
    ...(ramp && { ramp }),
    boards: { [board]: packages },
  }
}

function mergeRelease(known: Release, addition: Addition): Release {
  checkSameBytes({ releases: [known] }, 'this channel', addition)
  const words = (['components', 'cves', 'notes'] as const).filter((field) => addition[field] && !known[field])
  for (const field of ['components', 'cves', 'notes'] as const)
    if (addition[field] && known[field] && !sameJson(addition[field], known[field]))
      throw new PlatteError('refused', `${known.version} is already published with other ${field}`, {
        hint: `leave ${field} out, or repeat what was published`,
      })
  const packages = boardOf(known, addition.board)
  if (packages === undefined && addition.version !== known.version)
    throw new PlatteError('refused', `${addition.version} is published as ${known.version} here`, {
      hint: 'a version names the folder of its packages: write it the same way for every board',
    })
  if (words.length === 0 && packages) return known
  return {
    ...known,
    ...Object.fromEntries(words.map((field) => [field, addition[field]])),
    boards: { ...known.boards, [addition.board]: packages ?? addition.packages },
  }
}

function samePackages(a: BoardPackages, b: BoardPackages): boolean {
  const content = ({ packages }: BoardPackages): unknown =>
    packages.map(({ name, size, sha256, sha1, required }) => [name, size, sha256, sha1, required ?? true])
  return sameJson(content(a), content(b))
}

/** Equal as JSON, in any order of members. */
export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([name, content]) => [name, sorted(content)])
}

const newestFirst = (a: Release, b: Release): number =>
  compareVersions(parseVersion(b.version), parseVersion(a.version))
