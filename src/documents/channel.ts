/** The ChannelManifest: one channel at one revision, its `seq`. `apps/<app>/<channel>/<seq>.jws`. */
import * as v from 'valibot'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { type Channel, isDetailed, isImage, type RampStep, type Release, weekdays } from '../release/channel.ts'
import { rampOver } from '../release/edits.ts'
import { rampProblem } from '../release/ramp.ts'
import { rangeProblem } from '../release/target.ts'
import { compareVersions, parseVersion } from '../release/version.ts'
import { windowProblem } from '../release/window.ts'
import { boardContent, codebase, haveDistinctNames, image, install, packageSet } from './board.ts'
import * as field from './fields.ts'

export const maxChannelBytes = 1024 * 1024
/** A release that filled a manifest of format 1 fits. */
export const maxDetailsBytes = 1024 * 1024

const because = v.strictObject({ reason: field.reason })
const clockTime = field.matching(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 22:00')

/** More than any schedule in the field. An explanation searches the edges of all. */
const maxWindows = 32
const maxRampSteps = 200
const days = v.pipe(v.array(v.picklist(weekdays)), v.minLength(1), v.maxLength(7))
export const windows = v.pipe(
  v.array(v.strictObject({ days, from: clockTime, to: clockTime, timeZone: field.text(64) })),
  v.maxLength(maxWindows),
)

const names = v.exactOptional(v.array(field.text(64)))
const digests = v.exactOptional(v.array(field.sha256))
export const target = v.strictObject({
  oem: v.exactOptional(v.strictObject({ only: names, not: names })),
  os: v.exactOptional(field.text(200)),
  from: v.exactOptional(field.text(200)),
  machines: v.exactOptional(v.strictObject({ allow: digests, deny: digests })),
})

const conditions = { windows: v.exactOptional(windows), target: v.exactOptional(target) }

const componentName = field.matching(/^[A-Za-z0-9][A-Za-z0-9 ._+-]{0,63}$/, 'must be a short name such as kernel')
/** Versions by name. */
export const components = field.record(componentName, field.text(100))
export const cves = v.array(field.matching(/^CVE-\d{4}-\d{4,19}$/, 'must be a CVE number such as CVE-2026-1234'))

const numberOrNaN = v.transform((value: unknown) => (typeof value === 'number' ? value : Number.NaN))
/** A share that is not a number admits nobody, and leaves the rest of the channel valid. */
const share = v.pipe(v.unknown(), numberOrNaN)

export const ramp = v.pipe(v.array(v.strictObject({ at: field.instant, share })), v.maxLength(maxRampSteps))

const boardsOf = <B extends v.GenericSchema>(one: B) =>
  v.pipe(
    field.record(field.boardName, one),
    v.check((boards) => Object.keys(boards).length > 0, 'names no board'),
  )

const described = {
  components: v.exactOptional(components),
  cves: v.exactOptional(cves),
  notes: v.exactOptional(v.strictObject({ sha256: field.sha256, size: field.count })),
}
/** The details of a release, wherever they are. */
export const content = { ...described, boards: boardsOf(boardContent) }

const details = v.strictObject({
  sha256: field.sha256,
  size: v.pipe(field.positive, v.maxValue(maxDetailsBytes)),
})

const release = v.strictObject({
  version: field.publishedVersion,
  publishedAt: field.instant,
  ...described,
  boards: boardsOf(packageSet),
  details: v.exactOptional(details),
  ramp: v.exactOptional(ramp),
  ...conditions,
  floor: v.exactOptional(because),
  deadEnd: v.exactOptional(because),
  withdrawn: v.exactOptional(because),
})

/** The details are in the release, or all of them in their document. */
const hasOneForm = ({ details, components, cves, notes, boards }: v.InferOutput<typeof release>): boolean =>
  Object.values(boards).every((one) => (typeof one === 'string' || isImage(one)) === (details !== undefined)) &&
  (details === undefined || !(components || cves || notes))

const spki = field.matching(/^[A-Za-z0-9+/]{100,1500}={0,2}$/, 'must be a public key in base64')
/** What clients verify payloads with. */
export const payloadKeys = v.pipe(
  v.array(v.strictObject({ sha256: field.sha256, spki })),
  v.maxLength(8),
  v.check((keys) => field.areDistinct(keys.map(({ sha256 }) => sha256)), 'names a key twice'),
)

const limit = v.exactOptional(
  v.pipe(v.number(), v.minValue(0.001, 'must be 0.1 % to 50 %'), v.maxValue(0.5, 'must be 0.1 % to 50 %')),
)
/** When a rollout is held by itself. */
export const guard = v.pipe(
  v.strictObject({ failures: limit, fellBack: limit, atLeast: field.positive, within: field.duration }),
  v.check(({ failures, fellBack }) => (failures ?? fellBack) !== undefined, 'needs a limit: failures or fellBack'),
)

const length = v.exactOptional(field.duration)
export const channelSchema = v.strictObject({
  format: v.picklist([1, 2]),
  type: v.literal('channel'),
  app: field.appName,
  channel: field.channelName,
  aliases: v.exactOptional(v.pipe(v.array(field.aliasName), v.maxLength(16))),
  seq: field.positive,
  previous: v.exactOptional(field.sha256),
  issuedAt: field.instant,
  expires: v.exactOptional(field.instant),
  description: v.exactOptional(field.text(500)),
  cadence: v.exactOptional(v.strictObject({ every: field.duration, on: v.exactOptional(field.text(16)) })),
  follow: v.exactOptional(v.strictObject({ channel: field.channelName, after: length, over: length })),
  ...conditions,
  rollbackFrom: v.exactOptional(v.array(field.publishedVersion)),
  payloadKeys: v.exactOptional(payloadKeys),
  guard: v.exactOptional(guard),
  /** How long a ramp of a release takes that is published or promoted without one. */
  defaultRamp: length,
  /** How many of the newest releases of each board `prune` leaves. */
  keep: v.exactOptional(field.positive),
  provenance: v.exactOptional(field.record(field.text(64), field.text(500))),
  releases: v.pipe(
    v.array(v.pipe(release, v.check(hasOneForm, 'has details both here and in a document of their own'))),
    v.check((list) => haveDistinctVersions(list), 'lists a version twice'),
  ),
})

/** Never just "manifest": Omaha's response has a `<manifest>` of its own. */
export type ChannelManifest = Omit<v.InferOutput<typeof channelSchema>, keyof Channel> & Channel

/** What it has of format 2, in words. */
export function newIn2(content: Omit<ChannelManifest, 'provenance'>): readonly string[] {
  const { payloadKeys, guard, defaultRamp, keep, releases } = content
  return [
    payloadKeys && 'a payload key',
    guard && 'a guard',
    defaultRamp && 'a default ramp',
    keep && 'a number of releases to keep',
    [content, ...releases].some(({ target }) => target?.os) && 'a target by operating system',
    !releases.every(isDetailed) && 'a release with details in a document of their own',
  ].filter((words) => typeof words === 'string')
}

/** Whether a channel was deleted: its last manifest has no releases, and expired when it was issued. */
export const isEnded = ({ releases, issuedAt, expires }: ChannelManifest): boolean =>
  releases.length === 0 && expires !== undefined && Date.parse(expires) <= Date.parse(issuedAt)

/** @param others live channels of the app. */
export function howEnded({ channel }: ChannelManifest, others: ReadonlyMap<string, ChannelManifest>): string {
  const owner = [...others.values()].find(({ aliases = [] }) => aliases.includes(channel))
  return owner ? `${channel} is an alias of ${owner.channel} now` : `${channel} was deleted before`
}

/** The ramp of a release that is added without one. @param from when it begins. */
export const defaultRampOf = ({ defaultRamp: over }: ChannelManifest, from: string): readonly RampStep[] | undefined =>
  over === undefined ? undefined : rampOver({ start: Date.parse(from), overMs: field.durationMs(over) })

export const { decode: decodeChannel } = field.documentOf<ChannelManifest>(channelSchema, 'channel')

/**
 * Checks what may be signed. Readers accept ramps, windows and targets that they cannot evaluate, and withhold the release:
 * their list of time zones may be older.
 * @throws PlatteError(code) for a manifest that no reader would accept, or that would offer nothing.
 */
export function checkChannel(value: unknown, code: ErrorCode = 'bad-document'): ChannelManifest {
  const manifest = field.check(channelSchema, 'channel', value, code)
  const problem = conditionsProblem('the channel', manifest) ?? firstOf(manifest.releases, releaseProblem)
  if (problem !== undefined) throw new PlatteError(code, `channel: ${problem}`)
  return manifest
}

function releaseProblem(release: Release): string | undefined {
  const { version, ramp } = release
  const problem = ramp?.length === 0 ? 'it has no step, so it would never be offered' : ramp && rampProblem(ramp)
  return conditionsProblem(version, release) ?? labelled(`the ramp of ${version}`, problem)
}

function conditionsProblem(name: string, { windows, target }: Pick<Channel, 'windows' | 'target'>): string | undefined {
  if (windows?.length === 0) return `the windows of ${name}: none is given, so it would never be offered`
  return (
    labelled(`the windows of ${name}`, windows && firstOf(windows, windowProblem)) ??
    labelled(
      `the target of ${name}`,
      firstOf([target?.from, target?.os], (text) => (text === undefined ? undefined : rangeProblem(text))),
    )
  )
}

const labelled = (label: string, problem: string | undefined): string | undefined => problem && `${label}: ${problem}`
const firstOf = <T>(list: readonly T[], problemOf: (one: T) => string | undefined): string | undefined =>
  list.reduce<string | undefined>((found, one) => found ?? problemOf(one), undefined)

const order = v.object({
  app: field.appName,
  channel: field.channelName,
  version: field.publishedVersion,
  board: field.boardName,
  components: v.exactOptional(components),
  cves: v.exactOptional(cves),
  codebases: v.exactOptional(v.array(codebase)),
  image: v.exactOptional(image),
  files: v.pipe(
    v.array(
      v.object({
        ...{ name: field.packageName, size: v.pipe(v.number(), v.minValue(1, 'is empty')) },
        install: v.exactOptional(install),
      }),
    ),
    v.check(
      (list) => haveDistinctNames(list),
      ({ input }) =>
        `two files are called ${input.find(({ name }, i) => input.findIndex((one) => one.name === name) < i)?.name}`,
    ),
  ),
})

/** Checks the arguments of a publish. @throws PlatteError('usage') naming the first wrong one. */
export const checkOrder = (value: unknown, nameOf?: (path: string) => string): void =>
  void field.check(order, 'publish', value, 'usage', nameOf)

function haveDistinctVersions(releases: readonly Pick<Release, 'version'>[]): boolean {
  const sorted = releases.map(({ version }) => parseVersion(version)).sort(compareVersions)
  return sorted.every((version, i) => i === 0 || compareVersions(sorted[i - 1], version) !== 0)
}
