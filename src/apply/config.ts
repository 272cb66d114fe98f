/**
 * What a file of channels says, by its schema. A member that is missing is not mentioned; `false` (or an empty text or list)
 * removes what there is. Durations, shares and times are as people write them: `7d`, `5%`, `22:00`.
 */
import * as v from 'valibot'
import * as stored from '../documents/channel.ts'
import * as field from '../documents/fields.ts'
import { bytesDigest } from '../kernel/digest.ts'
import { defined } from '../kernel/json.ts'
import type { PayloadKey } from '../payload/keys.ts'
import { weekdays } from '../release/channel.ts'
import { machineHash, rangeProblem } from '../release/target.ts'
import { isSameVersion, oldestFirst } from '../release/version.ts'
import { windowProblem } from '../release/window.ts'

type Off<T> = T | false

/** A member that may be missing, or `false`. */
const maybe = <const S extends v.GenericSchema>(schema: S) =>
  v.exactOptional(
    v.lazy(
      (input): v.GenericSchema<unknown, Off<v.InferOutput<S>>> =>
        (input === false ? v.literal(false) : schema) as v.GenericSchema<unknown, Off<v.InferOutput<S>>>,
    ),
  )

const duration = v.pipe(
  v.string(),
  v.transform(field.longDuration),
  v.check(field.isDuration, 'must be a duration such as 14d, 48h or 90m'),
)
const shareOf = (value: unknown): unknown => {
  const [, number] = /^(\d{1,3}(?:\.\d{1,6})?) ?%$/.exec(String(value)) ?? []
  return number === undefined ? value : Number(number) / 100
}
const share = v.exactOptional(
  v.pipe(v.unknown(), v.transform(shareOf), v.number('must be a share such as "5%" or 0.05')),
)

const guard = v.pipe(
  v.strictObject({
    ...{ failures: share, fell_back: share },
    at_least: v.exactOptional(field.positive, 20),
    within: v.exactOptional(duration, 'PT24H'),
  }),
  v.check((given) => (given.failures ?? given.fell_back) !== undefined, 'needs a limit: failures or fell_back'),
  v.transform(({ failures, fell_back: fellBack, at_least: atLeast, within }) =>
    defined({ failures, fellBack, atLeast, within }),
  ),
  stored.guard,
)

const follow = v.strictObject({
  channel: field.channelName,
  ...{ after: v.exactOptional(duration), over: v.exactOptional(duration) },
})

const oneWindow = v.pipe(
  v.strictObject({ days: v.array(v.string()), from: v.string(), to: v.string(), time_zone: v.string() }),
  v.transform(({ time_zone: timeZone, ...window }) => ({ ...window, timeZone })),
)
const problemOfWindows = (windows: v.InferOutput<typeof stored.windows>): string | undefined =>
  windows.map(windowProblem).find((one) => one !== undefined)
const windows = v.pipe(
  v.array(oneWindow),
  stored.windows,
  v.check(
    (list) => problemOfWindows(list) === undefined,
    ({ input }) => problemOfWindows(input) ?? '',
  ),
)

const range = v.pipe(
  field.text(200),
  v.check(
    (text) => rangeProblem(text) === undefined,
    ({ input }) => rangeProblem(input) ?? '',
  ),
)
const texts = v.exactOptional(v.pipe(v.array(field.text(128)), v.minLength(1, 'names none: leave it out')))
/** Hashes stay what they are; ids of machines become hashes. */
const hashes = (list: readonly string[] | undefined) =>
  list && [...new Set(list.map((one) => (/^[0-9a-f]{64}$/.test(one) ? one : machineHash(one))))]
const target = v.pipe(
  v.strictObject({
    ...{ oem: texts, not_oem: texts, os: v.exactOptional(range), running: v.exactOptional(range) },
    ...{ allow_machines: texts, deny_machines: texts },
  }),
  v.check((given) => Object.keys(given).length > 0, 'names no machines: use oem, not_oem, running, …, or false'),
  v.transform(({ oem: only, not_oem: not, os, running: from, allow_machines, deny_machines }) => {
    const [allow, deny] = [hashes(allow_machines), hashes(deny_machines)]
    return defined({
      oem: only || not ? defined({ only, not }) : undefined,
      os,
      from,
      machines: allow || deny ? defined({ allow, deny }) : undefined,
    })
  }),
  stored.target,
)

const cadence = v.strictObject({
  every: duration,
  on: v.exactOptional(v.picklist(weekdays, `must be one of ${weekdays.join(', ')}`)),
})

/** A PEM text, or its base64. Files are read before. */
const payloadKey = v.pipe(
  v.string(),
  v.transform((text): PayloadKey => {
    const spki = text.replace(/-----(BEGIN|END) PUBLIC KEY-----/g, '').replace(/\s/g, '')
    const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(spki) ? Uint8Array.from(atob(spki), (one) => one.charCodeAt(0)) : []
    return { sha256: bytesDigest(new Uint8Array(bytes)), spki }
  }),
)
const payloadKeys = v.pipe(v.array(payloadKey), stored.payloadKeys)

/** Two spellings of one version, such as 4152.2 and 4152.2.0. */
function twiceIn(byVersion: object): readonly string[] | undefined {
  const sorted = Object.keys(byVersion).sort((a, b) => oldestFirst({ version: a }, { version: b }))
  const i = sorted.findIndex((one, at) => at > 0 && isSameVersion(one, sorted[at - 1] ?? ''))
  return i < 0 ? undefined : sorted.slice(i - 1, i + 1)
}

/** A table by version, which has each version once. */
const versions = <const S extends v.GenericSchema>(value: S) =>
  v.pipe(
    field.record(field.publishedVersion, value),
    v.check(
      (table) => twiceIn(table) === undefined,
      ({ input }) => `${twiceIn(input)?.join(' and ')} are the same version: give it once`,
    ),
  )

const reasons = v.exactOptional(versions(maybe(field.reason).wrapped))

/** One hold that is wanted, or (`reason: false`) lifted. */
export type HoldWish = Readonly<{ version: string; board?: string; reason: Off<string> }>

const everyBoard = v.literal('*')
const boardHolds = field.record(
  v.union([everyBoard, field.boardName], 'must be a board, or * for every board'),
  maybe(field.reason).wrapped,
)
const holds = v.pipe(
  versions(
    v.lazy(
      (input): v.GenericSchema<unknown, Off<string> | Record<string, Off<string>>> =>
        input === false ? v.literal(false) : typeof input === 'string' ? field.reason : boardHolds,
    ),
  ),
  v.transform((table) =>
    Object.entries(table).flatMap(([version, of]): readonly HoldWish[] =>
      typeof of === 'object'
        ? Object.entries(of).map(([board, reason]) => ({ version, ...(board !== '*' && { board }), reason }))
        : [{ version, reason: of }],
    ),
  ),
)

const aliases = v.pipe(
  v.array(field.givenAlias),
  v.maxLength(16, 'must be at most 16'),
  v.check((list) => field.areDistinct(list), 'has a name twice'),
)

const channel = v.pipe(
  v.strictObject({
    ...{ description: maybe(field.text(500)), cadence: maybe(cadence), aliases: maybe(aliases) },
    ...{ follow: maybe(follow), windows: maybe(windows), target: maybe(target), guard: maybe(guard) },
    ...{ default_ramp: maybe(duration), keep: maybe(field.positive), payload_keys: maybe(payloadKeys) },
    ...{ floors: reasons, dead_ends: reasons, holds: v.exactOptional(holds) },
  }),
  v.transform(({ payload_keys: payloadKeys, dead_ends: deadEnds, default_ramp: defaultRamp, ...same }) => ({
    ...same,
    ...defined({ payloadKeys, deadEnds, defaultRamp }),
  })),
)

const boards = v.pipe(
  v.array(field.boardName),
  v.minLength(1, 'names none: leave it out'),
  v.check((list) => field.areDistinct(list), 'has a board twice'),
)

const app = v.pipe(
  v.strictObject({
    name: maybe(field.text(200)),
    boards: v.exactOptional(boards),
    payload_keys: maybe(payloadKeys),
    channels: field.record(field.channelName, channel),
  }),
  v.transform(({ payload_keys: payloadKeys, channels, ...same }) => ({
    ...same,
    channels: Object.fromEntries(
      Object.entries(channels).map(([name, one]) => [name, { ...defined({ payloadKeys }), ...one }]),
    ),
  })),
)

export const configSchema = v.strictObject({ apps: field.record(field.appName, app) })

/** Every channel that a file mentions, by app and name. */
export type Config = v.InferOutput<typeof configSchema>
export type AppConfig = Config['apps'][string]
export type ChannelConfig = AppConfig['channels'][string]
