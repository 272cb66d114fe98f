/** Nebraska's apps, groups and policies in Platte's words. Pure. */
import { compareVersions, parseVersion } from '../release/version.ts'
import { windowProblem } from '../release/window.ts'
import {
  aliasesOf,
  type Foreign,
  type ForeignChannel,
  type ForeignRelease,
  flatcarApp,
  type KnownNames,
  keyOf,
  nameChannels,
  oneLine,
  trackOf,
  unusable,
} from './foreign.ts'
import type { NebraskaApp, NebraskaChannel, NebraskaGroup, NebraskaPackage } from './nebraska-api.ts'
import { describeLimit, limitOf, type Pacing } from './nebraska-limits.ts'
import { type Found, fileOf } from './nebraska-packages.ts'

/** Boards by Nebraska's number of an architecture. Machines of x86 name no board. */
const boards: Readonly<Record<number, string>> = { 0: 'any', 1: 'amd64-usr', 2: 'arm64-usr', 3: 'any' }

/** Nebraska takes the ids of its first groups as these tracks, whatever groups there are. */
const firstGroups: Readonly<Record<string, readonly string[]>> = {
  alpha: ['5b810680-e36a-4879-b98a-4f989e80b899', 'e641708d-fb48-4260-8bdf-ba2074a1147a'],
  beta: ['3fe10490-dd73-4b49-b72a-28ac19acfcdc', 'd112ec01-ba34-4a9e-9d4b-9814a685f266'],
  stable: ['9a2deb70-37be-4026-853f-bfdd6b347bbe', '11a585f6-9418-4df0-8863-78b2fd3240f8'],
  edge: ['72834a2b-ad86-4d6d-b498-e08a19ebe54e', 'b4b2fa22-c1ea-498c-a8ac-c1dc0b1d7c17'],
}

const withoutCounterpart =
  'not imported: machines and their history, activity, users and teams, time-outs of updates, safe mode; Platte keeps no database of machines'

export function translateNebraska(apps: readonly NebraskaApp[], known: KnownNames): Foreign {
  const parts = apps.map((app) => translateApp(app, known))
  const joined = <K extends keyof Foreign>(member: K) => parts.flatMap((part): readonly unknown[] => part[member])
  return {
    channels: joined('channels') as ForeignChannel[],
    refused: joined('refused') as string[],
    notes: [...(joined('notes') as string[]), withoutCounterpart],
  }
}

/** A group with its channel, and what they mean for one board. */
interface Served {
  readonly group: NebraskaGroup
  readonly channel: NebraskaChannel | undefined
  readonly board: string | undefined
}

type Noting = Readonly<{ app: NebraskaApp; notes: string[]; refused: string[] }>

function translateApp(app: NebraskaApp, knownOf: KnownNames): Foreign {
  const { id, product_id, name } = app
  const noting: Noting = { app, notes: [], refused: [] }
  const { notes, refused } = noting
  const key = keyOf(product_id || id) ?? keyOf(id)
  if (key === undefined) throw unusable(app.url, `id: ${JSON.stringify(id.slice(0, 80))} is no id of an app`)
  if (app.groups.length === 0) notes.push(`${oneLine(name)} (${key}): has no groups: nothing to import`)
  else if (key !== id.toLowerCase()) notes.push(`${key}: machines that send the id ${id} must send ${product_id}`)
  if (key !== flatcarApp && app.groups.length > 0)
    notes.push(
      `${key}: Nebraska takes machines that name neither board nor architecture for amd64; Platte offers them the board any`,
    )
  const known = knownOf(key)
  const tracks = Map.groupBy(answered(noting), ({ group }) => trackNameOf(group))
  const titles = [...tracks].map(([track, served]) => ({
    ...{ track, title: served[0]?.group.name ?? track },
    ids: served.map(({ group }) => group.id),
  }))
  const names = nameChannels(titles, known)
  const channels = [...tracks].map(([track, served]): ForeignChannel => {
    const channel = names.get(track) ?? track
    const first = key === flatcarApp ? (firstGroups[track] ?? []) : []
    const given = [track, ...served.map(({ group }) => group.id), ...first]
    const { aliases, refused: others } = aliasesOf(channel, given, known)
    refused.push(...others)
    const [group] = served.map((one) => one.group)
    const description = oneLine(group?.description || group?.name || '')
    const windows = windowsOf(channel, served, noting)
    const releases = served.flatMap((one) => releasesOf(channel, one, noting))
    return { app: key, channel, aliases, releases, ...(description && { description }), ...(windows && { windows }) }
  })
  noteUnused(noting)
  return { channels, notes, refused }
}

/** Old versions of Nebraska have no tracks: machines send the id of their group. */
const trackNameOf = ({ track, id }: NebraskaGroup): string => trackOf(track || id)

/** The groups that Nebraska answers: of those with one track and architecture, the newest. In the order of their tracks. */
function answered({ app, notes }: Noting): readonly Served[] {
  const served = app.groups.map((group): Served => {
    const channel = app.channels.find(({ id }) => id === group.channel_id)
    if (channel === undefined && group.channel_id)
      throw unusable(`${app.url}/groups`, `${group.id}: channel_id: there is no channel ${group.channel_id}`)
    if (channel === undefined)
      notes.push(`${oneLine(group.name)}: a group without a channel: its machines are offered nothing`)
    const board = channel && boards[channel.arch]
    if (channel && board === undefined)
      throw unusable(`${app.url}/channels`, `${channel.id}: arch: ${channel.arch} is none of 0, 1, 2, 3`)
    return { group, channel, board }
  })
  const newest = Map.groupBy(served, ({ group, board }) => JSON.stringify([trackNameOf(group), board]))
  return [...newest.values()]
    .flatMap((same) => {
      const [first, ...others] = same.toSorted((a, b) => (a.group.created_ts < b.group.created_ts ? 1 : -1))
      for (const { group } of others)
        notes.push(`${oneLine(group.name)} (${group.id}): left out: Nebraska answers its track with a newer group`)
      return first ?? []
    })
    .sort((a, b) => (trackNameOf(a.group) < trackNameOf(b.group) ? -1 : 1))
}

const officeDays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri'] as const

/** Nebraska's office hours are fixed. A channel has one window for all of its boards. */
function windowsOf(channel: string, served: readonly Served[], { app, notes }: Noting): ForeignChannel['windows'] {
  const [first, ...others] = served.filter(({ group }) => group.policy_office_hours)
  if (first === undefined) return undefined
  const zoneOf = ({ group }: Served): string => group.policy_timezone || 'UTC'
  const window = { days: officeDays, from: '09:00', to: '17:00', timeZone: zoneOf(first) }
  const problem = windowProblem(window)
  if (problem !== undefined) throw unusable(`${app.url}/groups`, `${first.group.id}: policy_timezone: ${problem}`)
  notes.push(
    `${channel}: office hours become a window: Mon-Fri 09:00 to 17:00 ${window.timeZone}; machines start spread over its first hour`,
  )
  if (others.length + 1 < served.length) notes.push(`${channel}: the window counts for all of its boards`)
  for (const one of others.filter((other) => zoneOf(other) !== window.timeZone))
    notes.push(`${channel}: the office hours of ${one.board} are in ${zoneOf(one)}; the channel has one window`)
  return [window]
}

/** The current package of the group's channel, and the floors below it; nothing above a floor that cannot be used. */
function releasesOf(name: string, { group, channel, board }: Served, noting: Noting): readonly ForeignRelease[] {
  const { app, notes, refused } = noting
  if (channel === undefined || board === undefined) return []
  const current = channel.package
  if (!current) {
    notes.push(`${name}: Nebraska has no package for ${board}: its machines are offered nothing`)
    return []
  }
  const where = `${app.url}/groups: ${group.id}`
  const pacing = limitOf(group, where)
  notes.push(...describeLimit(name, group, pacing))
  const { floors: listed = [] } = channel
  if (channel.floors === undefined) notes.push(`${name}: this Nebraska lists no floors for ${board}`)
  const isAbove = ({ version }: NebraskaPackage): boolean => order(version, current.version) > 0
  for (const one of listed.filter(isAbove))
    notes.push(`${name}: the floor ${one.version} for ${board} is above ${current.version}: left out`)
  const floors = listed.filter((one) => !isAbove(one) && order(one.version, current.version) !== 0)
  const own = listed.find((one) => order(one.version, current.version) === 0)
  const reasonOf = (one: typeof own) => one && { floor: oneLine(one.floor_reason || '') || 'a floor in Nebraska' }
  const found = [...floors.map((one) => ({ one, ...reasonOf(one) })), { one: current, ...reasonOf(own) }]
  const releases: ForeignRelease[] = []
  for (const { one, floor } of found.sort((a, b) => order(a.one.version, b.one.version))) {
    if (isBlacklisted(channel, one)) {
      notes.push(`${name}: ${one.version} for ${board} is on the blacklist of its channel: left out`)
      continue
    }
    const release = releaseOf({ app, channel, one }, { name, board, floor, pacing }, noting)
    if (release) releases.push(release)
    else if (one !== current) {
      refused.push(
        `${name}: nothing above the floor ${one.version} is imported for ${board}: machines would pass it by`,
      )
      break
    }
  }
  return releases
}

const isBlacklisted = ({ id }: NebraskaChannel, one: NebraskaPackage): boolean =>
  one.channels_blacklist?.includes(id) ?? false

const order = (a: string, b: string): number => compareVersions(parseVersion(a), parseVersion(b))

const images: Readonly<Record<number, string>> = { 2: 'a Docker image', 3: 'an image of rkt' }

type Meaning = Readonly<{ name: string; board: string; floor: string | undefined; pacing: Pacing }>

/** What cannot be used is left out, and said. */
function releaseOf(found: Found, { name, board, floor, pacing }: Meaning, { notes, refused }: Noting) {
  const { one } = found
  const kind = images[one.type]
  if (kind !== undefined) {
    notes.push(`${name}: ${oneLine(one.version, 64)} for ${board} is ${kind}: left out, since Platte serves files`)
    return undefined
  }
  const files = fileOf(found)
  if (typeof files === 'string') {
    refused.push(`${name}: ${oneLine(one.version, 64)} for ${board}: ${files}`)
    return undefined
  }
  const release: ForeignRelease = {
    version: one.version,
    board,
    files,
    isRaw: one.type !== 1,
    ...(floor && { floor }),
    ...pacing,
  }
  return release
}

/** Packages that no channel offers, and lists of what a channel must not have. */
function noteUnused({ app, notes }: Noting): void {
  const used = new Set(
    app.channels.flatMap(({ package: one, floors = [] }) => [one, ...floors].map((each) => each?.id)),
  )
  const nameOf = ({ version, arch }: NebraskaPackage): string => `${oneLine(version, 64)} (${boards[arch] ?? arch})`
  const unused = app.packages.filter(({ id }) => !used.has(id)).map(nameOf)
  const listed = unused.slice(0, 20).join(', ')
  if (unused.length > 0)
    notes.push(
      `${unused.length} packages that no channel offers are left out: ${listed}${unused.length > 20 ? ', …' : ''}`,
    )
  for (const one of app.packages)
    for (const id of one.channels_blacklist ?? []) {
      const channel = app.channels.find((each) => each.id === id)
      if (channel && channel.package?.id !== one.id)
        notes.push(
          `${nameOf(one)} is on the blacklist of channel ${oneLine(channel.name)}: Platte has no such list; do not promote it there`,
        )
    }
}
