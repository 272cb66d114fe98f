/** Adds releases to a channel. Pure and idempotent by content. */
import { PlatteError } from '../kernel/errors.ts'
import type { BoardPackages, Channel, RampStep, Release } from './channel.ts'
import { compareVersions, newestFirst, parseVersion } from './version.ts'

export interface Addition {
  readonly version: string
  readonly board: string
  readonly packages: BoardPackages
  readonly publishedAt: string
  readonly components?: Readonly<Record<string, string>>
  readonly cves?: readonly string[]
  readonly notes?: { readonly sha256: string; readonly size: number }
  /** Only for a new release; a known one keeps its own. */
  readonly ramp?: readonly RampStep[]
}

/**
 * Adds a release, or a new board of a known one.
 * @returns the same object where the channel has all of it already.
 * @throws PlatteError('refused') for a lower version, another spelling of a known version, or other content of one.
 */
export function addRelease<C extends Channel>(channel: C, addition: Addition): C {
  checkVersionOrder(channel, addition)
  const known = findRelease(channel, addition.version)
  const release = known === undefined ? newRelease(addition) : mergeRelease(known, addition)
  if (release === known) return channel
  return { ...channel, releases: [release, ...channel.releases.filter((other) => other !== known)].sort(newestFirst) }
}

/**
 * Checks what is known before the packages are read: the version is not lower than what its board has.
 * @throws PlatteError('refused')
 */
export function checkVersionOrder(channel: Channel, { version, board }: { version: string; board: string }): void {
  if (boardOf(findRelease(channel, version), board)) return
  const higher = channel.releases.find((release) => boardOf(release, board) && newestFirst(release, { version }) < 0)
  if (higher === undefined) return
  throw refusal(
    `${version} is lower than ${higher.version}, which ${board} already has here`,
    'publish a higher version; machines are not moved back by publishing',
  )
}

/**
 * A version means the same bytes in every channel of an app.
 * @throws PlatteError('refused')
 */
export function checkSameBytes(
  channel: Channel,
  where: string,
  { version, board, packages }: Pick<Addition, 'version' | 'board' | 'packages'>,
): void {
  const known = boardOf(findRelease(channel, version), board)
  if (known === undefined || sameJson(contentOf(known), contentOf(packages))) return
  const names = known.packages.map(({ name }) => name).join(', ')
  throw refusal(
    `${version} for ${board} is already in ${where}, with other bytes or packages (it has ${names})`,
    'a published version never changes; publish these under a higher version',
  )
}

/** The release of a version, in any spelling (`4152.2` is `4152.2.0`). */
export function findRelease({ releases }: Channel, version: string): Release | undefined {
  const parsed = parseVersion(version)
  return releases.find((release) => compareVersions(parseVersion(release.version), parsed) === 0)
}

/** An error for what policy forbids, and what to do instead. */
export const refusal = (message: string, hint: string): PlatteError => new PlatteError('refused', message, { hint })

const boardOf = (release: Release | undefined, board: string): BoardPackages | undefined =>
  release && Object.hasOwn(release.boards, board) ? release.boards[board] : undefined

const details = ['components', 'cves', 'notes'] as const

function newRelease({ version, board, packages, publishedAt, ramp, ...others }: Addition): Release {
  const given = details.filter((field) => others[field])
  return {
    ...{ version, publishedAt, ...Object.fromEntries(given.map((field) => [field, others[field]])) },
    ...(ramp && { ramp }),
    boards: { [board]: packages },
  }
}

function mergeRelease(known: Release, addition: Addition): Release {
  checkSameBytes({ releases: [known] }, 'this channel', addition)
  for (const field of details)
    if (addition[field] && known[field] && !sameJson(addition[field], known[field]))
      throw refusal(
        `${known.version} is already published with other ${field}`,
        `leave ${field} out, or repeat what was published`,
      )
  const packages = boardOf(known, addition.board)
  if (packages === undefined && addition.version !== known.version)
    throw refusal(
      `${addition.version} is published as ${known.version} here`,
      'a version names the folder of its packages: write it the same way for every board',
    )
  const added = details.filter((field) => addition[field] && !known[field])
  if (added.length === 0 && packages) return known
  return {
    ...known,
    ...Object.fromEntries(added.map((field) => [field, addition[field]])),
    boards: { ...known.boards, [addition.board]: packages ?? addition.packages },
  }
}

const contentOf = ({ packages }: BoardPackages): unknown =>
  packages.map(({ name, size, sha256, sha1, required }) => [name, size, sha256, sha1, required ?? true])

/** Equal as JSON, in any order of an object's members. */
export const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([name, content]) => [name, sorted(content)])
}
