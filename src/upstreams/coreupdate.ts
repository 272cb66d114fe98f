/** CoreUpdate's public lists in Platte's words. @see coreos/updateservicectl client/update/v1/update-api.json */
import * as v from 'valibot'
import * as field from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import {
  aliasesOf,
  digestIn,
  type Foreign,
  type ForeignChannel,
  type ForeignRelease,
  fileUrl,
  flatcarApp,
  type KnownNames,
  keyOf,
  nameChannels,
  oneLine,
  sizeText,
  trackOf,
  unusable,
} from './foreign.ts'
import { getJson, type Rest } from './rest.ts'

const path = '/_ah/api/update/v1/public'
const maxItems = 5_000

const text = v.string()
const some = <T extends v.GenericSchema>(item: T) =>
  v.optional(v.pipe(v.array(item), v.maxLength(maxItems, `has more than ${maxItems} entries`)), [])
const channelList = v.object({
  items: some(
    v.object({ appId: text, label: text, version: v.optional(text, ''), publish: v.optional(v.boolean(), false) }),
  ),
})
const listed = v.looseObject({ version: text })
const packageList = v.object({ items: some(v.object({ AppId: text, packages: some(listed) })) })
/** 64 bits as text; digests in base64. */
const onePackage = v.object({
  version: field.publishedVersion,
  url: fileUrl,
  size: v.exactOptional(sizeText),
  sha1Sum: digestIn(20, 'SHA-1'),
  sha256Sum: v.exactOptional(digestIn(32, 'SHA-256')),
})

/** The last part of a URL. */
const fileName = v.object({ url: field.packageName })

interface CoreUpdate {
  readonly url: string
  readonly channels: v.InferOutput<typeof channelList>['items']
  readonly packages: v.InferOutput<typeof packageList>['items']
}

/** @throws PlatteError as `getJson`. */
export async function readCoreUpdate(rest: Rest): Promise<CoreUpdate> {
  const [channels, packages] = [
    await getJson(rest, `${path}/channels`, channelList),
    await getJson(rest, `${path}/packages`, packageList),
  ]
  const url = rest.url + path
  if (channels === undefined || packages === undefined) throw unusable(url, 'there are no public lists')
  return { url, channels: channels.items, packages: packages.items }
}

/** @param board CoreUpdate knows none. Pure. */
export function translateCoreUpdate(
  lists: CoreUpdate,
  board: string,
  knownOf: KnownNames,
  isWanted: (app: string) => boolean,
) {
  const apps = Map.groupBy(lists.channels, ({ appId }) => appId)
  const parts = [...apps].flatMap(([id, channels]) => {
    const key = keyOf(id)
    if (key === undefined)
      throw unusable(`${lists.url}/channels`, `appId: ${JSON.stringify(id.slice(0, 80))} is no id of an app`)
    return isWanted(key) ? translateApp(lists, { key, id, channels }, board, knownOf(key)) : []
  })
  const foreign: Foreign = {
    channels: parts.flatMap((part) => part.channels),
    refused: parts.flatMap((part) => part.refused),
    notes: [
      'groups are not public in CoreUpdate: give each channel the ids of its groups with `platte channel edit NAME --alias GROUP`',
      `CoreUpdate knows no boards: all packages are imported for ${board}`,
      'not imported: percentages and rollouts of groups, OEM blacklists, users, upstreams, history of machines',
      ...parts.flatMap((part) => part.notes),
    ],
  }
  return foreign
}

type App = Readonly<{ key: string; id: string; channels: CoreUpdate['channels'] }>

function translateApp(
  lists: CoreUpdate,
  { key, id, channels }: App,
  board: string,
  known: ReadonlyMap<string, string>,
) {
  const [notes, refused]: [string[], string[]] = [[], []]
  const packages = lists.packages.flatMap((one) => (keyOf(one.AppId) === key ? one.packages : []))
  const labels = Map.groupBy(channels, ({ label }) => trackOf(label))
  const names = nameChannels(
    [...labels.keys()].map((track) => ({ track, title: track })),
    known,
  )
  const translated = [...labels].map(([track, [one]]): ForeignChannel => {
    const channel = names.get(track) ?? track
    const { aliases, refused: others } = aliasesOf(channel, [track], known)
    refused.push(...others)
    const version = one?.version ?? ''
    const held = one?.publish ? undefined : 'not published in CoreUpdate'
    if (version === '') notes.push(`${channel}: has no version in CoreUpdate: its machines are offered nothing`)
    const found = packages.find((each) => each.version === version)
    const release =
      version === ''
        ? undefined
        : releaseOf(`${lists.url}/packages: ${id}`, { version, ...found }, { board, held, key })
    if (typeof release === 'string') refused.push(`${channel}: ${oneLine(version, 64)}: ${release}`)
    return { app: key, channel, aliases, releases: typeof release === 'object' ? [release] : [] }
  })
  const offered = new Set(channels.map(({ version }) => version))
  const unused = packages.filter(({ version }) => !offered.has(version)).length
  if (unused > 0) notes.push(`${key}: ${unused} packages that no channel offers are left out`)
  return { channels: translated, notes, refused }
}

type Meaning = Readonly<{ board: string; held: string | undefined; key: string }>

/** @returns why it cannot be used. */
function releaseOf(where: string, found: object, { board, held, key }: Meaning): ForeignRelease | string {
  try {
    if (!('url' in found)) return `${where}: has no such package`
    const { version, url, size, sha1Sum, sha256Sum } = field.check(onePackage, where, found)
    const { url: name } = field.check(fileName, where, { url: decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)) })
    const file = { name, url, sha1: sha1Sum, ...(size && { size }), ...(sha256Sum && { sha256: sha256Sum }) }
    return { version, board, files: [file], isRaw: key !== flatcarApp, ...(held && { held }) }
  } catch (error) {
    if (error instanceof PlatteError || error instanceof URIError) return error.message
    throw error
  }
}
