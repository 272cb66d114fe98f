/**
 * Every key of the store is built here, and nowhere else; `docs/storage.md` shows one of each.
 * A client's words never become part of a key: they are looked up, and keys are made from what a verified document says.
 */

import { textDigest } from '../kernel/digest.ts'
import { PlatteError } from '../kernel/errors.ts'
import { packageSetDigest } from '../release/package-set.ts'
import { maxCatalogBytes } from './catalog.ts'
import { maxChannelBytes } from './channel.ts'
import { maxRootBytes } from './root.ts'

/** The limit of `publish`. */
export const maxNotesBytes = 1024 * 1024

export const catalogKey = 'catalog.jws'

export const rootKey = (version: number): string => `root/${version}.jws`

export const channelFolder = (app: string, channel: string): string => `apps/${app}/${channel}/`

export const channelKey = (app: string, channel: string, seq: number): string =>
  `${channelFolder(app, channel)}${String(seq).padStart(10, '0')}.jws`

export const notesKey = (sha256: string): string => `notes/${sha256}`

/** The folder of one release and board, ending in "/": what Omaha calls the codebase is a URL of it. */
export const packageFolder = (
  release: { readonly app: string; readonly version: string; readonly board: string },
  packages: readonly { readonly name: string; readonly sha256: string }[],
): string => `packages/${release.app}/${release.version}/${release.board}/${packageSetDigest(packages)}/`

/** The name of an upload of a package, made of its key: the same request finds the same upload. */
export const uploadSlot = (packageKey: string): string => textDigest(packageKey).slice(0, 32)

/** Ends in "/". */
export const uploadFolder = 'uploads/'

/** The record of an upload. */
export const uploadKey = (slot: string): string => `${uploadFolder}${slot}.json`

/** The receipt of a package. */
export const receiptKey = (packageKey: string): string => `receipts/${uploadSlot(packageKey)}.jws`

/** Where a bucket keeps uploads until they become packages; ends in "/". */
export const stagingFolder = 'staging/'

/** The bytes of one upload. @param mark a unique number. */
export const stagedKey = (mark: string): string => `${stagingFolder}${mark}/whole`

/** The record of a part, for stores that cannot list parts; ends in "/" without a number. */
export const partKey = (mark: string, number?: number): string =>
  `${stagingFolder}${mark}/parts/${number === undefined ? '' : String(number).padStart(5, '0')}`

/** A batch of events, by the time of its first line (UTC) and a unique number. */
export function eventsKey(beganMs: number, number: number): string {
  const [day = '', time = ''] = new Date(beganMs).toISOString().split('T')
  return `${eventsFolder(day)}${time.slice(0, 8).replaceAll(':', '')}-${number.toString(16).padStart(8, '0')}.ndjson`
}

/** @param day such as 2026-11-24, UTC. */
export const eventsFolder = (day: string): string => `events/dt=${day}/`

/** Where the marks of used identity tokens are, in a folder for each day; ends in "/". */
export const marksFolder = 'publish/'

/** @param ms an instant of the day (UTC), by which folders of marks are called. */
export const markDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/**
 * The mark that an identity token was used for one request.
 * @param id of the token, as hex.
 * @param issuedAtMs when it was issued: marks of a day lie in one folder.
 */
export const markKey = (id: string, issuedAtMs: number): string => `${marksFolder}${markDay(issuedAtMs)}/${id}`

/** Whether a group may have a name: one that every client and gateway writes the same in a URL. */
export const isGroupName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && !name.includes('..') && !name.endsWith('.')

/** Where the reboot semaphores of all groups are. */
export const locksFolder = 'locks/'

/** The reboot semaphore of a group. @param group a name that `isGroupName` accepts. */
export const lockKey = (group: string): string => `${locksFolder}${group}.json`

/** The group of a key of that folder; `undefined` for what is none. */
export const lockGroupOf = (key: string): string | undefined => {
  const [, group = ''] = /^locks\/([^/]+)\.json$/.exec(key) ?? []
  return isGroupName(group) ? group : undefined
}

/** The scratch folder of one check of the doctor; ends in "/". */
export const scratchFolder = (run: string, check: number): string => `doctor/${run}/${check}/`

/** A key as a part of a URL: S3 and what stands before it take a plain "+" there for a blank. */
export const urlPathOf = (key: string): string => key.replaceAll('+', '%2B')

/** The key that a URL's path, without its first "/", stands for: "+" in both spellings. */
export const keyOfUrlPath = (path: string): string => path.replace(/%2b/gi, '+')

/**
 * What paths of this endpoint begin with: a channel of that name would have no files of its own. Frozen with format 1,
 * since any other name may be that of a channel: a new route goes below one of these, such as `/v1/`.
 */
const taken: readonly string[] = [
  ...['v1', 'v2', 'omaha', 'packages', 'root', 'apps', 'notes', 'catalog.jws', 'healthz', 'metrics', 'lock', 'locks'],
  ...['channels', 'explain', 'client-config', 'pages', 'releases-json', 'robots.txt', 'favicon.ico'],
]

/** Whether a name of a channel would collide with a path that is answered otherwise. */
export const isTakenPath = (name: string): boolean => taken.includes(name)

/** A kind of document that anybody may read. */
export interface PublicDocument {
  readonly kind: 'root' | 'catalog' | 'channel' | 'notes'
  /** No reader takes a longer one. */
  readonly maxBytes: number
}

const name = '[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?'

const publicDocuments: readonly (PublicDocument & { readonly form: RegExp })[] = [
  { kind: 'root', maxBytes: maxRootBytes, form: /^root\/[1-9]\d{0,8}\.jws$/ },
  { kind: 'catalog', maxBytes: maxCatalogBytes, form: /^catalog\.jws$/ },
  { kind: 'channel', maxBytes: maxChannelBytes, form: new RegExp(`^apps/${name}/${name}/\\d{10}\\.jws$`) },
  { kind: 'notes', maxBytes: maxNotesBytes, form: /^notes\/[0-9a-f]{64}$/ },
]

/**
 * Says whether a key is of a document that anybody may read: what readers need in order to verify and to mirror.
 * @returns `undefined` for packages, for what is only for writers (locks, marks, events), and for what is no key.
 */
export const publicDocument = (key: string): PublicDocument | undefined =>
  key.includes('..') ? undefined : publicDocuments.find(({ form }) => form.test(key))

const day = /^dt=\d{4}-\d\d-\d\d$/
const segment = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/

/** @throws PlatteError('bad-request') for a key that no function above builds. Adapters call it before they touch a store. */
export function checkKey(key: string): string {
  const segments = key.split('/')
  const isDay = (part: string, i: number): boolean => i === 1 && segments[0] === 'events' && day.test(part)
  if (key.length > 768 || !segments.every((part, i) => (segment.test(part) || isDay(part, i)) && !part.includes('..')))
    throw new PlatteError('bad-request', `not a key of this store: ${JSON.stringify(key.slice(0, 80))}`)
  return key
}

/** Whether a text is a key. */
export function isKey(name: string): boolean {
  try {
    return checkKey(name) === name
  } catch {
    return false
  }
}
