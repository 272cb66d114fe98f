/** `adopt.toml`: upstreams whose releases a server adopts, each into a channel of its own. */
import { parse, TomlError } from 'smol-toml'
import * as v from 'valibot'
import * as field from '../documents/fields.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { parseStoreUrl } from '../kernel/setting.ts'
import { parsePin } from '../trust/verify-root.ts'
import { isOtherServer, isStream } from './kinds.ts'
import type { Adoption } from './look-up.ts'
import type { PlatteAdoption } from './platte.ts'

export const maxAdoptFileBytes = 256 * 1024

const maybe = v.exactOptional
const duration = v.pipe(
  v.string(),
  v.transform(field.longDuration),
  v.check(field.isDuration, 'must be a duration such as 30m, 1h or 7d'),
)
const channel = field.text(128)
const flag = maybe(v.boolean())

/** @param parse fails with the words of the problem. */
const readBy = <T>(parse: (text: string) => T) =>
  v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
    try {
      return parse(dataset.value)
    } catch (error) {
      addIssue({ message: messageOf(error) })
      return NEVER
    }
  })

const shared = {
  app: maybe(field.appName),
  as: field.channelName,
  ...{ after: maybe(duration), rampOver: maybe(duration) },
  ...{ create: flag, raw: flag, belowNewest: flag, skipFloors: flag },
}
const otherEntry = v.strictObject({
  upstream: v.pipe(
    field.text(500),
    v.check(
      isOtherServer,
      'must be like omaha:https://updates.example.org/v1/update/, gupdate:URL, omaha-json:URL, fcos:URL, or the https:// URL of a Platte',
    ),
  ),
  ...shared,
  channel: maybe(channel),
  boards: maybe(v.pipe(v.array(field.boardName), v.minLength(1, 'names no board'), v.maxLength(20))),
  held: maybe(field.reason),
  packages: maybe(v.picklist(['copy', 'reference'], 'must be copy or reference')),
  /** A file or URL: Flatcar's or CoreOS's list of releases. */
  releasesJson: maybe(field.text(500)),
  createBoard: flag,
})
const platteEntry = v.strictObject({
  upstream: v.pipe(field.text(500), readBy(parseStoreUrl)),
  ...{ ...shared, channel },
  /** The pin of its root. */
  root: v.pipe(v.optional(v.string(), ''), readBy(parsePin)),
})

const isPlatte = (given: unknown): boolean =>
  v.is(v.object({ upstream: v.pipe(v.string(), v.regex(/^https?:/)) }), given)

type Other = v.InferOutput<typeof otherEntry>
type Platte = v.InferOutput<typeof platteEntry>
const schema = v.strictObject({
  every: maybe(duration, 'PT1H'),
  adopt: v.pipe(
    v.array(v.lazy((given) => (isPlatte(given) ? platteEntry : otherEntry))),
    v.minLength(1, 'names no upstream'),
    v.maxLength(100),
  ),
})

export interface OtherEntry {
  readonly upstream: string
  readonly releasesJson: string | undefined
  readonly chosen: Readonly<{ channel?: string; boards?: readonly string[] }>
  readonly adoption: Omit<Adoption, 'channel' | 'boards'>
}
export type AdoptEntry = OtherEntry | PlatteAdoption

/**
 * @param app of entries that name none.
 * @throws PlatteError('configuration') naming the file, and the line or the member at fault.
 */
export function parseAdoptFile(
  text: string,
  { file, app }: { readonly file: string; readonly app: string | undefined },
) {
  const { every, adopt } = field.check(schema, file, parseToml(text, file), 'configuration')
  const entries = adopt.map((given, i): AdoptEntry => {
    const own = given.app ?? app
    if (own === undefined)
      throw new PlatteError('configuration', `${file}: adopt.${i}.app: is missing`, {
        hint: 'name it there, or set PLATTE_APP',
      })
    if ('root' in given) return platteOf(given, own)
    const missing = (['channel', 'boards'] as const).find((name) => given[name] === undefined)
    if (missing && !isStream(given.upstream))
      throw new PlatteError('configuration', `${file}: adopt.${i}.${missing}: is missing`)
    return otherOf(given, own)
  })
  return { everyMs: field.durationMs(every), entries }
}

function otherOf({ upstream, releasesJson, as: to, packages = 'copy', ...rest }: Other, app: string): OtherEntry {
  const { create, createBoard, raw, belowNewest, skipFloors, channel, boards, ...named } = rest
  const switches = { createBoard, raw, belowNewest, skipFloors }
  const on = Object.fromEntries(Object.entries(switches).filter(([, value]) => value))
  const chosen = defined({ channel, boards })
  return { upstream, releasesJson, chosen, adoption: { ...named, app, to, packages, ...defined({ create }), ...on } }
}

function platteOf({ upstream, root, channel, as: to, after, rampOver, ...rest }: Platte, app: string): PlatteAdoption {
  const [afterMs = 0, rampOverMs] = [after, rampOver].map((one) =>
    one === undefined ? undefined : field.durationMs(one),
  )
  return { upstream, pin: root, ...rest, from: { app, channel }, to, afterMs, rampOverMs }
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    throw new PlatteError('configuration', `${file} line ${cause.line}: is not TOML`, {
      hint: 'each upstream begins with [[adopt]]',
      cause,
    })
  }
}
