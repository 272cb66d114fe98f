/**
 * Builds every key of the store; `docs/storage.md` has an example of each. Folders end in "/".
 * Keys are made from verified documents, never from a client's request.
 */
import { textDigest } from '../kernel/digest.ts'
import { PlatteError } from '../kernel/errors.ts'
import {
  type BoardContent,
  type BoardPackages,
  type Image,
  isImage,
  type Package,
  type PackageSet,
} from '../release/channel.ts'
import { maxCatalogBytes } from './catalog.ts'
import { maxChannelBytes, maxDetailsBytes } from './channel.ts'
import { maxRootBytes } from './root.ts'

export const maxNotesBytes = 1024 * 1024

export const catalogKey = 'catalog.jws'
/** What a mirror's store lacks. */
export const missingKey = 'mirror/missing.json'
/** Where a Platte shows that to those who read it over HTTP: below a name that no channel has. */
export const missingPath = 'v1/missing.json'
export const rootKey = (version: number): string => `root/${version}.jws`
/** Where a mirror puts a root that takes effect with the catalog that names it. */
export const stagedRootKey = (version: number): string => `root/staged/${version}.jws`
export const notesKey = (sha256: string): string => `notes/${sha256}`
/** Below `notes/`, as any other first part may be a channel's name. */
export const detailsKey = (sha256: string): string => `notes/releases/${sha256}`
export const channelFolder = (app: string, channel: string): string => `apps/${app}/${channel}/`
export const channelKey = (app: string, channel: string, seq: number): string =>
  `${channelFolder(app, channel)}${String(seq).padStart(10, '0')}.jws`

type Packages = readonly Pick<Package, 'name' | 'sha256'>[]
type BoardRef = Readonly<{ app: string; version: string; board: string }>

/** The folder of one release and board. Omaha calls its URL the codebase. */
export const packageFolder = (ref: BoardRef, packages: Packages): string => folderOfSet(ref, packageSetDigest(packages))

const folderOfSet = ({ app, version, board }: BoardRef, set: string): string =>
  `packages/${app}/${version}/${board}/${set}/`

const elsewhere = 'elsewhere'
/** The URL of a board's packages, with a "/" at the end. @param publicUrl where clients reach this deployment. */
export const packagesUrlOf = (publicUrl: string, ref: BoardRef, { codebases, packages }: BoardPackages): string =>
  codebases[0] ?? `${publicUrl}/${packageFolder(ref, packages)}`

/** What a manifest of format 2 says of a board. */
export function setOf(of: BoardContent): string | Image {
  if (isImage(of)) return of
  return of.codebases.length > 0 ? elsewhere : packageSetDigest(of.packages)
}

/** @returns `undefined` for images, and for packages that are served from elsewhere. */
export function servedFolder(ref: BoardRef, of: PackageSet): string | undefined {
  const set = typeof of === 'string' ? of : setOf(of)
  return set === elsewhere || typeof set !== 'string' ? undefined : folderOfSet(ref, set)
}

/** First 32 hex digits of SHA-256 over the sorted lines `name sha256`, each with its line feed: other bytes, another folder. */
export function packageSetDigest(packages: Packages): string {
  const lines = packages.map(({ name, sha256 }) => `${name} ${sha256}\n`).sort()
  return textDigest(lines.join('')).slice(0, 32)
}

/** The name of a package's upload: a repeated request finds the same upload. */
export const uploadSlot = (packageKey: string): string => textDigest(packageKey).slice(0, 32)
export const uploadFolder = 'uploads/'
export const uploadKey = (slot: string): string => `${uploadFolder}${slot}.json`
export const receiptKey = (packageKey: string): string => `receipts/${uploadSlot(packageKey)}.jws`

/** Where a bucket keeps uploads until they become packages. */
export const stagingFolder = 'staging/'
/** The bytes of one upload. @param mark a unique number. */
export const stagedKey = (mark: string): string => `${stagingFolder}${mark}/whole`
/** The record of a part, for stores that cannot list parts; without a number, their folder. */
export const partKey = (mark: string, number?: number): string =>
  `${stagingFolder}${mark}/parts/${number === undefined ? '' : String(number).padStart(5, '0')}`

/** @param day such as 2026-11-24, UTC; other writers, such as Logpush, may leave out its "-". */
export const eventsFolder = (day: string): string => `events/dt=${day}/`
/** A batch of events, by the time of its first line (UTC) and a unique number. */
export function eventsKey(beganMs: number, number: number): string {
  const [day = '', time = ''] = new Date(beganMs).toISOString().split('T')
  const name = `${time.slice(0, 8).replaceAll(':', '')}-${number.toString(16).padStart(8, '0')}`
  return `${eventsFolder(day)}hr=${time.slice(0, 2)}/${name}.ndjson.gz`
}

/** Has a folder for each day on which used identity tokens were issued. */
export const marksFolder = 'publish/'
/** The name of a day's folder (UTC). */
export const markDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
/** The mark of a used identity token. @param id of the token, as hex. */
export const markKey = (id: string, issuedAtMs: number): string => `${marksFolder}${markDay(issuedAtMs)}/${id}`

/** Whether every client and gateway writes a group's name the same in a URL. */
export const isGroupName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && !name.includes('..') && !name.endsWith('.')

/** Without a dot: the last one in the name of a group may part the group from the zone. */
export const isZoneName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(name)
/** Whether a list of machines, between blanks, can have the id of a holder. */
export const isListedId = (id: string): boolean => /^[!-~]{1,255}$/.test(id)

export const locksFolder = 'locks/'
/** The reboot semaphore of a group. @param group a name that `isGroupName` accepts. */
export const lockKey = (group: string): string => `${locksFolder}${group}.json`
/** @returns `undefined` for other keys. */
export function lockGroupOf(key: string): string | undefined {
  const [, group = ''] = /^locks\/([^/]+)\.json$/.exec(key) ?? []
  return isGroupName(group) ? group : undefined
}

/** Machines that wait for a slot of a group: a name below `locks/` that no group's own document has. */
export const waitingFolder = `${locksFolder}waiting/`
export const waitingKey = (group: string): string => `${waitingFolder}${group}.json`

/** @returns `undefined` for other keys. */
export const waitingGroupOf = (key: string): string | undefined =>
  key.startsWith(waitingFolder) ? lockGroupOf(locksFolder + key.slice(waitingFolder.length)) : undefined

/** Which machines that fell back may be offered that release again. */
export const forgivenKey = 'fleet/forgiven.json'

/** The scratch folder of one check of the doctor. */
export const scratchFolder = (run: string, check: number): string => `doctor/${run}/${check}/`

/** A key in a URL: S3 and proxies read a plain "+" as a blank. */
export const urlPathOf = (key: string): string => key.replaceAll('+', '%2B')
/** The key of a URL's path, with "+" in either spelling. @param path without its first "/". */
export const keyOfUrlPath = (path: string): string => path.replace(/%2b/gi, '+')

/**
 * The first segments of this endpoint's paths, which no channel may be named after. Frozen with format 1, since any other
 * name may be a channel's: add new routes below one of these, such as `/v1/`.
 */
const taken = [
  ...['v1', 'v2', 'omaha', 'packages', 'root', 'apps', 'notes', 'catalog.jws', 'healthz', 'metrics', 'lock', 'locks'],
  ...['channels', 'explain', 'client-config', 'pages', 'releases-json', 'robots.txt', 'favicon.ico'],
]

/** Whether a channel's name would collide with another path. */
export const isTakenPath = (name: string): boolean => taken.includes(name)

const name = '[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?'

const publicDocuments = [
  { kind: 'root', maxBytes: maxRootBytes, form: /^root\/(?:staged\/)?[1-9]\d{0,8}\.jws$/ },
  { kind: 'catalog', maxBytes: maxCatalogBytes, form: /^catalog\.jws$/ },
  { kind: 'channel', maxBytes: maxChannelBytes, form: new RegExp(`^apps/${name}/${name}/\\d{10}\\.jws$`) },
  { kind: 'notes', maxBytes: maxNotesBytes, form: /^notes\/[0-9a-f]{64}$/ },
  { kind: 'details', maxBytes: maxDetailsBytes, form: /^notes\/releases\/[0-9a-f]{64}$/ },
] as const

/** A kind of document that anybody may read. */
export type PublicDocument = Pick<(typeof publicDocuments)[number], 'kind' | 'maxBytes'>

/** The documents that verify or mirror a store. @returns `undefined` for packages, writers' documents and invalid keys. */
export const publicDocument = (key: string): PublicDocument | undefined =>
  key.includes('..') ? undefined : publicDocuments.find(({ form }) => form.test(key))

/** The folders of events by day and hour, as Hive names partitions. */
const partition = /^events\/dt=\d{4}(-?)\d\d\1\d\d(?:\/hr=\d\d)?(?=\/|$)/
const segment = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/

/** Whether a function above could build the key. */
export const isKey = (key: string): boolean =>
  key.length <= 768 &&
  key
    .replace(partition, 'events')
    .split('/')
    .every((part) => segment.test(part) && !part.includes('..'))

/** Every adapter calls it first. @throws PlatteError('bad-request') */
export function checkKey(key: string): string {
  if (isKey(key)) return key
  throw new PlatteError('bad-request', `not a key of this store: ${JSON.stringify(key.slice(0, 80))}`)
}
