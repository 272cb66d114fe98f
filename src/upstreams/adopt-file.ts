/** `adopt.toml`: upstreams whose releases a server adopts, each into a channel of its own. */
import { parse, TomlError } from 'smol-toml'
import * as v from 'valibot'
import * as field from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { isOtherServer } from './kinds.ts'
import type { Adoption } from './look-up.ts'

export const maxAdoptFileBytes = 256 * 1024

const maybe = v.exactOptional
const duration = v.pipe(
  v.string(),
  v.transform(field.longDuration),
  v.check(field.isDuration, 'must be a duration such as 30m, 1h or 7d'),
)
const flag = maybe(v.boolean())
const entry = v.strictObject({
  upstream: v.pipe(
    field.text(500),
    v.check(isOtherServer, 'must be like omaha:https://updates.example.org/v1/update/'),
  ),
  app: maybe(field.appName),
  channel: field.text(128),
  boards: v.pipe(v.array(field.boardName), v.minLength(1, 'names no board'), v.maxLength(20)),
  as: field.channelName,
  ...{ after: maybe(duration), rampOver: maybe(duration), held: maybe(field.reason) },
  packages: maybe(v.picklist(['copy', 'reference'], 'must be copy or reference')),
  /** A file or URL: Flatcar's or CoreOS's list of releases. */
  releasesJson: maybe(field.text(500)),
  ...{ create: flag, createBoard: flag, raw: flag, belowNewest: flag, skipFloors: flag },
})
const schema = v.strictObject({
  every: maybe(duration, 'PT1H'),
  adopt: v.pipe(v.array(entry), v.minLength(1, 'names no upstream'), v.maxLength(100)),
})

export interface AdoptEntry {
  readonly upstream: string
  readonly releasesJson: string | undefined
  readonly adoption: Adoption
}

/**
 * @param app of entries that name none.
 * @throws PlatteError('configuration') naming the file, and the line or the member at fault.
 */
export function parseAdoptFile(
  text: string,
  { file, app }: { readonly file: string; readonly app: string | undefined },
) {
  const { every, adopt } = field.check(schema, file, parseToml(text, file), 'configuration')
  const entries = adopt.map(
    ({ upstream, releasesJson, as: to, packages = 'copy', app: own = app, ...rest }, i): AdoptEntry => {
      if (own === undefined)
        throw new PlatteError('configuration', `${file}: adopt.${i}.app: is missing`, {
          hint: 'name it there, or set PLATTE_APP',
        })
      const { create, createBoard, raw, belowNewest, skipFloors, ...named } = rest
      const switches = { createBoard, raw, belowNewest, skipFloors }
      const on = Object.fromEntries(Object.entries(switches).filter(([, value]) => value))
      return { upstream, releasesJson, adoption: { app: own, ...named, to, packages, ...defined({ create }), ...on } }
    },
  )
  return { everyMs: field.durationMs(every), entries }
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
