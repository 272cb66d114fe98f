/** Adds releases to a channel. Pure and idempotent by content. */
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { type BoardPackages, type Channel, packagesFor, type Release } from './channel.ts'
import { compareVersions, newestFirst, parseVersion } from './version.ts'

const details = ['components', 'cves', 'notes'] as const

/** A ramp is only for a new release; a known one keeps its own. */
export interface Addition extends Pick<Release, 'version' | 'publishedAt'>, Details {
  readonly board: string
  readonly packages: BoardPackages
}

type Details = { readonly [K in 'ramp' | (typeof details)[number]]?: Release[K] | undefined }

/**
 * Adds a release, or a new board of a known one.
 * @returns the same object where the channel has all of it already.
 * @throws PlatteError('refused') for a lower version, another spelling of a known version, or other content of one.
 */
export function addRelease<C extends Channel>(channel: C, addition: Addition): C {
  checkVersionOrder(channel, addition)
  const known = findRelease(channel, addition.version)
  const { board, packages, ...content } = addition
  const release = known ? mergeRelease(known, addition) : { ...defined(content), boards: { [board]: packages } }
  if (release === known) return channel
  return { ...channel, releases: [release, ...channel.releases.filter((other) => other !== known)].sort(newestFirst) }
}

/** Refuses a version lower than what its board has: known before packages are read. @throws PlatteError('refused') */
export function checkVersionOrder(channel: Channel, { version, board }: { version: string; board: string }): void {
  if (boardOf(findRelease(channel, version), board)) return
  const higher = channel.releases.find((one) => packagesFor(one, board) && newestFirst(one, { version }) < 0)
  if (higher === undefined) return
  throw refusal(
    `${version} is lower than ${higher.version}, which ${board} already has here`,
    'publish a higher version; to move machines back, use `platte rollback`',
  )
}

/** A version means the same bytes in every channel of an app. @throws PlatteError('refused') */
export function checkSameBytes(channel: Channel, where: string, added: Omit<Addition, 'publishedAt'>): void {
  const { version, board, packages } = added
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
export const refusal = (message: string, hint?: string): PlatteError =>
  new PlatteError('refused', message, defined({ hint }))

const boardOf = (release: Release | undefined, board: string) => release && packagesFor(release, board)

function mergeRelease(known: Release, addition: Addition): Release {
  checkSameBytes({ releases: [known] }, 'this channel', addition)
  for (const field of details)
    if (addition[field] && known[field] && !sameJson(addition[field], known[field]))
      throw refusal(
        `${known.version} is already published with other ${field}`,
        `leave ${field} out, or repeat what was published`,
      )
  const packages = packagesFor(known, addition.board)
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
