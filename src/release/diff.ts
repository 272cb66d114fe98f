/** The differences between two states of a channel, as data and as lines for people. */
import { durationText, forPeople } from '../kernel/format.ts'
import { defined } from '../kernel/json.ts'
import { findRelease } from './add-release.ts'
import {
  type Channel,
  type Guard,
  type Hold,
  imageText,
  isImage,
  type PackageSet,
  type RampStep,
  type Release,
  type Target,
  type Window,
} from './channel.ts'
import { isHoldOf } from './edits.ts'
import { embargoOf } from './ramp.ts'
import { newestFirst } from './version.ts'

/**
 * One difference of a field of the channel, or of the release where there is a version: `ramp`, `windows`, `amd64-usr`, …
 * Without `from` it is new, without `to` it is removed. `effect`: what it does to machines, where the field does not show it.
 */
export type Change = Readonly<{ what: string; version?: string; from?: string; to?: string; effect?: string }>

export interface ChannelMetadata extends Channel, Readonly<{ description?: string; expires?: string }> {
  readonly aliases?: readonly string[]
  readonly payloadKeys?: readonly Readonly<{ sha256: string }>[]
  readonly cadence?: Readonly<{ every: string; on?: string }>
  readonly guard?: Guard
  readonly defaultRamp?: string
  readonly keep?: number
  readonly follow?: Readonly<{ channel: string; after?: string; over?: string }>
}

type Texts = Readonly<Record<string, string | undefined>>
type Holds = readonly Hold[]

/**
 * Every difference, the channel's own first, then by release, newest first.
 * @param holds those of that time, as far as they are known: lifted ones are kept nowhere.
 */
export function diffChannels(before: ChannelMetadata, after: ChannelMetadata, holds: Holds = []): readonly Change[] {
  const gone = before.releases.filter(({ version }) => findRelease(after, version) === undefined)
  const withEffect = (one: Change): Change =>
    one.what === 'rollbackFrom' ? { ...one, effect: rollbackEffect(before, after, holds) } : one
  return [
    ...diffTexts(channelTexts(before), channelTexts(after)).map(withEffect),
    ...after.releases.flatMap((release) =>
      diffTexts(releaseTexts(findRelease(before, release.version)), releaseTexts(release), release.version),
    ),
    ...gone.flatMap((release) => diffTexts(releaseTexts(release), {}, release.version)),
  ]
}

/** e.g. `machines on 2.0.0 are being sent back to 1.0.0`. */
function rollbackEffect(before: ChannelMetadata, after: ChannelMetadata, holds: Holds): string {
  const [old = [], current = []] = [before.rollbackFrom, after.rollbackFrom]
  const sent = current.filter((version) => !old.includes(version)).map((version) => sentBack(version, after, holds))
  const ended = old.filter((version) => !current.includes(version))
  return [...sent, ...(ended.length > 0 ? [`machines on ${ended.join(', ')} are no longer sent back`] : [])].join('; ')
}

function sentBack(version: string, { releases }: ChannelMetadata, holds: Holds): string {
  const boards = Object.keys(releases.find((one) => one.version === version)?.boards ?? {})
  const left = releases.filter(({ withdrawn }) => !withdrawn).sort(newestFirst)
  const isOffered = (one: Release, board: string): boolean =>
    Object.hasOwn(one.boards, board) && !holds.some(isHoldOf(one.version, [board]))
  const targets = boards.flatMap((board) => left.find((one) => isOffered(one, board))?.version ?? [])
  const to = targets.length === 0 ? '' : ` to ${[...new Set(targets)].join(', ')}`
  return `machines on ${version} are being sent back${to}`
}

/** What the catalog adds to a channel. */
export type Brakes = Readonly<{ holds?: readonly Hold[]; rampAsOf?: string }>

export const diffBrakes = (before: Brakes, after: Brakes): readonly Change[] =>
  diffTexts(brakeTexts(before), brakeTexts(after))

/** e.g. `+ 4593.2.0 amd64-usr: update.gz 412345678`, `~ 4593.2.0 ramp: none -> 0 % at …`. */
export function changeLine({ what, version, effect, ...texts }: Change): string {
  const name = version === undefined ? what : `${version} ${what}`
  const [from, to] = [texts.from, texts.to].map((text) => text && (isTimed.includes(what) ? forPeople(text) : text))
  const line =
    from === undefined ? `+ ${name}: ${to}` : to === undefined ? `- ${name}: ${from}` : `~ ${name}: ${from} -> ${to}`
  return effect === undefined ? line : `${line} (${effect})`
}

const isTimed: readonly string[] = ['ramp', 'expires', 'ramps stopped at']

function diffTexts(before: Texts, after: Texts, version?: string): readonly Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names.flatMap((what) => {
    const [from, to] = [before[what], after[what]]
    return from === to ? [] : [defined({ what, version, from, to })]
  })
}

const channelTexts = (channel: ChannelMetadata): Texts => ({
  aliases: channel.aliases?.join(', '),
  description: channel.description,
  cadence: channel.cadence && [channel.cadence.every, channel.cadence.on].filter(Boolean).join(' on '),
  follow: channel.follow && followText(channel.follow),
  windows: channel.windows && windowsText(channel.windows),
  target: channel.target && targetText(channel.target),
  rollbackFrom: channel.rollbackFrom?.join(', '),
  guard: channel.guard && guardText(channel.guard),
  'default ramp': channel.defaultRamp && durationText(channel.defaultRamp),
  keep: channel.keep === undefined ? undefined : `${channel.keep} of each board`,
  'payload keys': channel.payloadKeys?.map(({ sha256 }) => sha256).join(', '),
  expires: channel.expires,
})

function releaseTexts(release: Release | undefined): Texts {
  if (release === undefined) return {}
  const boards = Object.entries(release.boards).map(([board, of]) => [board, contentText(of)] as const)
  return {
    ...Object.fromEntries(boards),
    components: release.components && pairsText(Object.entries(release.components)),
    cves: release.cves?.join(', '),
    notes: release.notes && `${release.notes.size} bytes`,
    ramp: release.ramp && rampText(release.ramp),
    windows: release.windows && windowsText(release.windows),
    target: release.target && targetText(release.target),
    floor: release.floor?.reason,
    'dead end': release.deadEnd?.reason,
    withdrawn: release.withdrawn?.reason,
  }
}

function contentText(of: PackageSet): string {
  if (typeof of === 'string') return of
  return isImage(of) ? imageText(of) : pairsText(of.packages.map((one) => [one.name, one.size]))
}

function brakeTexts({ holds = [], rampAsOf }: Brakes): Texts {
  const held = holds.map(({ version, board, reason }) => [`hold of ${version}${board ? ` for ${board}` : ''}`, reason])
  return { ...Object.fromEntries(held), 'ramps stopped at': rampAsOf }
}

const pairsText = (pairs: readonly (readonly [string, string | number])[]): string =>
  pairs.map(([name, value]) => `${name} ${value}`).join(', ')

function followText({ channel, after, over }: NonNullable<ChannelMetadata['follow']>): string {
  return [channel, after && `after ${after}`, over && `over ${over}`].filter(Boolean).join(' ')
}

const exactPercent = (share: number): string => `${Math.round(share * 1e6) / 1e4} %`

/** e.g. `0 % at 2026-11-24T09:00:00Z, 100 % at 2026-11-26T09:00:00Z`; `nobody before … first where there is an embargo. */
export function rampText(steps: readonly RampStep[]): string {
  const embargo = embargoOf(steps)
  const shown = (embargo?.ramp ?? steps).map(({ at, share }) => `${exactPercent(share)} at ${at}`)
  return [...(embargo ? [`nobody before ${embargo.at}`] : []), ...shown].join(', ')
}

/** e.g. `Mon,Tue 22:00-04:00 Europe/Berlin`. */
export const windowsText = (windows: readonly Window[]): string =>
  windows.map(({ days, from, to, timeZone }) => `${days.join(',')} ${from}-${to} ${timeZone}`).join('; ')

/** e.g. `not OEM pxe`. Lists of machines are private: only their lengths are printed. */
export function targetText({ oem, os, from, machines }: Target): string {
  const parts = [
    oem?.only && `OEM ${oem.only.join(', ')}`,
    oem?.not && `not OEM ${oem.not.join(', ')}`,
    os && `operating system ${os}`,
    from && `running ${from}`,
    machines?.allow && `only listed machines (${machines.allow.length})`,
    machines?.deny && `not listed machines (${machines.deny.length})`,
  ]
  return parts.filter(Boolean).join('; ') || 'everybody'
}

/** e.g. `failures 5 %, fell back 2 %, at least 20 machines, within 24h`. */
export const guardText = ({ failures, fellBack, atLeast, within }: Guard): string =>
  [
    ...(failures === undefined ? [] : [`failures ${exactPercent(failures)}`]),
    ...(fellBack === undefined ? [] : [`fell back ${exactPercent(fellBack)}`]),
    `at least ${atLeast} machines, within ${durationText(within)}`,
  ].join(', ')
