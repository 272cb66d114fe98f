/** Adds releases to a channel. Pure and idempotent by content. */
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { type BoardContent, type Channel, filesOf, imageText, isImage, packagesFor, type Release } from './channel.ts'
import { compareVersions, newestFirst, parseVersion } from './version.ts'

const details = ['components', 'cves', 'notes'] as const

/** A ramp is only for a new release; a known one keeps its own. */
export interface Addition extends Pick<Release, 'version' | 'publishedAt'>, Details {
  readonly board: string
  readonly packages: BoardContent
}

type Details = { readonly [K in 'ramp' | (typeof details)[number]]?: Release[K] | undefined }

/** `belowNewest`: also below what the board has. `replace`: other content of a known version takes its place. */
export type Allowances = Readonly<{ belowNewest?: boolean | undefined; replace?: boolean | undefined }>

/**
 * Adds a release, or a new board of a known one.
 * @returns the same object where the channel has all of it already.
 * @throws PlatteError('refused') for a lower version, another spelling of a known version, or other content of one.
 */
export function addRelease<C extends Channel>(channel: C, addition: Addition, allowed: Allowances = {}): C {
  if (!allowed.belowNewest) checkVersionOrder(channel, addition)
  const known = findRelease(channel, addition.version)
  const { board, packages, ...content } = addition
  const merge = allowed.replace ? replaceContent : mergeRelease
  const release = known ? merge(known, addition) : { ...defined(content), boards: { [board]: packages } }
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
    'publish a higher version, or allow this one with --below-newest; to move machines back, use `platte rollback`',
  )
}

/** A version means the same bytes in every channel of an app. @throws PlatteError('refused') */
export function checkSameBytes(channel: Channel, where: string, added: Omit<Addition, 'publishedAt'>): void {
  const { version, board, packages } = added
  const known = loadedBoard(findRelease(channel, version), board)
  if (known === undefined || isSameContent(known, packages)) return
  const names = isImage(known)
    ? imageText(known)
    : filesOf(known)
        .map(({ name }) => name)
        .join(', ')
  throw refusal(
    `${version} for ${board} is already in ${where}, with other bytes or packages (it has ${names})`,
    'a published version never changes; publish these under a higher version, or --replace one that nobody was offered',
  )
}

/** The release of a version, in any spelling (`4152.2` is `4152.2.0`). */
export function findRelease({ releases }: Channel, version: string): Release | undefined {
  const exact = releases.find((release) => release.version === version)
  const parsed = exact ? undefined : parseVersion(version)
  return exact ?? releases.find((release) => compareVersions(parseVersion(release.version), parsed) === 0)
}

/** A channel with what it offers of the one that it follows: releases, boards, floors and dead ends of either. */
export function withFollowed(own: Channel, source: Channel | undefined): Channel {
  if (source === undefined) return own
  const joined = own.releases.map((one): Release => {
    const twin = findRelease(source, one.version)
    if (twin === undefined) return one
    const { floor = twin.floor, deadEnd = twin.deadEnd, withdrawn = twin.withdrawn } = one
    return { ...one, ...defined({ floor, deadEnd, withdrawn }), boards: { ...twin.boards, ...one.boards } }
  })
  const followed = source.releases.filter(({ version }) => findRelease(own, version) === undefined)
  return { ...own, releases: [...joined, ...followed].sort(newestFirst) }
}

/** An error for what policy forbids, and what to do instead. */
export const refusal = (message: string, hint?: string): PlatteError =>
  new PlatteError('refused', message, defined({ hint }))

export const boardOf = (release: Release | undefined, board: string) => release && packagesFor(release, board)

/** Packages of a release whose details an edit loads before. */
export function loadedBoard(release: Release | undefined, board: string): BoardContent | undefined {
  const packages = boardOf(release, board)
  if (typeof packages === 'string') throw new Error(`the details of ${release?.version} were not loaded`)
  return packages
}

function mergeRelease(known: Release, addition: Addition): Release {
  checkSameBytes({ releases: [known] }, 'this channel', addition)
  for (const field of details)
    if (addition[field] && known[field] && !sameJson(unordered(addition[field]), unordered(known[field])))
      throw refusal(
        `${known.version} is already published with other ${field}`,
        `leave ${field} out, or repeat what was published`,
      )
  const packages = loadedBoard(known, addition.board)
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

/** A release that nobody was offered gets other content, and stays withheld as it is. */
function replaceContent(known: Release, addition: Addition): Release {
  const { board, packages, publishedAt } = addition
  const given = details.filter((field) => addition[field] && !sameJson(addition[field], known[field]))
  if (given.length === 0 && isSameContent(loadedBoard(known, board), packages)) return known
  const content = Object.fromEntries(given.map((field) => [field, addition[field]]))
  return { ...known, ...content, publishedAt, boards: { ...known.boards, [board]: packages } }
}

/** Whether these are the same packages, or the same image: the first is the OS package, the others have no order. */
export const isSameContent = (known: BoardContent | undefined, added: BoardContent): boolean =>
  known !== undefined && sameJson(contentOf(known), contentOf(added))

function contentOf(of: BoardContent): unknown {
  if (isImage(of)) return of
  const [first, ...extras] = of.packages
  return [first, ...extras.sort((a, b) => (a.name < b.name ? -1 : 1))].map(
    ({ name, size, sha256, sha1, required = true, install, patch }) => [
      ...[name, size, sha256, sha1, required],
      ...[install, patch],
    ],
  )
}

/** CVEs have no order. */
const unordered = (value: Release[(typeof details)[number]]) => (Array.isArray(value) ? [...value].sort() : value)

/** Equal as JSON, in any order of an object's members. */
export const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([name, content]) => [name, sorted(content)])
}
