/** The schema of each command that changes a channel, for the command line and the publish function. */
import * as v from 'valibot'
import { image, packageList } from '../documents/board.ts'
import * as stored from '../documents/channel.ts'
import * as field from '../documents/fields.ts'

/** Release notes are kept beside the manifest, and so are as long as a document may be. */
const maxNotesLength = 256 * 1024

const maybe = v.exactOptional
const ref = { app: field.appName, channel: field.channelName }
const release = { ...ref, version: field.publishedVersion }
const maybeRelease = { ...ref, version: maybe(field.publishedVersion) }
const duration = maybe(field.duration)
const flag = maybe(v.literal(true))
const share = maybe(v.pipe(v.number(), v.minValue(0, 'must be 0 to 1'), v.maxValue(1, 'must be 0 to 1')))
const steps = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(100, 'must be at most 100'))

const count = (command: object, names: readonly string[]): number =>
  names.filter((name) => Object.hasOwn(command, name)).length

/** A command with one of some fields. */
const oneOf = <const Fields extends v.ObjectEntries>(fields: Fields, names: readonly (keyof Fields & string)[]) =>
  v.pipe(
    v.strictObject(fields),
    v.check((command) => count(command, names) === 1, `give one of ${names.join(', ')}`),
  )

const reasonOrUndo = { ...release, reason: maybe(field.reason), undo: flag }
const marked = oneOf(reasonOrUndo, ['reason', 'undo'])
const message = maybe(field.reason)
const held = { ...release, board: maybe(field.boardName), message }

const described = v.strictObject({
  ...ref,
  description: maybe(v.nullable(field.text(500))),
  cadence: maybe(v.nullable(v.strictObject({ every: field.duration, on: maybe(field.text(16)) }))),
  aliases: maybe(v.nullable(v.array(field.givenAlias))),
  payloadKeys: maybe(v.nullable(stored.payloadKeys)),
  guard: maybe(v.nullable(stored.guard)),
  defaultRamp: maybe(v.nullable(field.duration)),
  keep: maybe(v.nullable(field.positive)),
})

const ramp = v.pipe(
  oneOf(
    {
      ...{ ...maybeRelease, over: duration, start: maybe(field.givenInstant), steps: maybe(steps), from: share, share },
      ...{ none: flag, lower: flag, stop: flag, resume: flag, message },
    },
    ['over', 'share', 'none', 'stop', 'resume'],
  ),
  v.check(
    (command) => command.version !== undefined || count(command, ['stop', 'resume']) === 1,
    'only stop and resume go without a version',
  ),
  v.check(
    (command) => command.message === undefined || count(command, ['stop', 'resume']) === 1,
    'message goes with stop and resume',
  ),
)

const heldFloor = 'held and floor exclude each other: machines below a floor that is withheld would wait; mark it later'

/** How a release gets into a channel: below newer ones, as a floor, and with or without the floors before it. */
const placing = { belowNewest: flag, withFloors: flag, skipFloors: flag, floor: maybe(field.reason) }

/** A command that does not both bring floors along and leave them out. */
const placed = <const Fields extends v.ObjectEntries>(fields: Fields) =>
  v.pipe(
    v.strictObject({ ...fields, ...placing }),
    v.check((command) => count(command, ['withFloors', 'skipFloors']) < 2, 'give one of withFloors, skipFloors'),
  )

/** Of an upstream. */
const adopted = v.strictObject({
  version: field.publishedVersion,
  /** Why machines must pass through it. */
  floor: maybe(field.reason),
  /** Why machines that run it are offered nothing. */
  deadEnd: maybe(field.reason),
  /** Whether it is offered beside a newer one, and its ramp. */
  ...{ offered: flag, ramp: maybe(stored.ramp) },
  boards: stored.content.boards,
  ...{ components: maybe(stored.components), cves: maybe(stored.cves) },
  notes: maybe(v.pipe(v.string(), v.maxLength(maxNotesLength))),
})

/** `publish` and `adopt` take packages that were uploaded before. */
export const commands = {
  publish: v.pipe(
    placed({
      ...{ ...release, board: field.boardName, packages: maybe(packageList), image: maybe(image) },
      ...{ components: maybe(stored.components), cves: maybe(stored.cves) },
      notes: maybe(v.pipe(v.string(), v.maxLength(maxNotesLength))),
      ...{ rampOver: duration, create: maybe(v.boolean()), createBoard: flag, raw: flag, replace: flag },
      ...{ ignoreHolds: flag, held: maybe(field.reason), from: maybe(field.instant) },
    }),
    v.check((command) => count(command, ['packages', 'image']) === 1, 'give one of packages, image'),
    v.check((command) => count(command, ['held', 'floor']) < 2, heldFloor),
  ),
  adopt: v.strictObject({
    ...ref,
    releases: v.pipe(v.array(adopted), v.minLength(1), v.maxLength(64)),
    ...{ after: duration, rampOver: duration, held: maybe(field.reason) },
    ...{ create: maybe(v.boolean()), createBoard: flag, raw: flag, belowNewest: flag, skipFloors: flag },
  }),
  promote: placed({
    ...{ ...release, from: field.channelName, boards: maybe(v.array(field.boardName)), rampOver: duration },
    raw: flag,
  }),
  ramp,
  window: oneOf({ ...maybeRelease, windows: maybe(stored.windows), add: flag, none: flag }, ['windows', 'none']),
  target: oneOf({ ...maybeRelease, target: maybe(stored.target), none: flag }, ['target', 'none']),
  hold: v.strictObject({ ...held, reason: field.reason }),
  unhold: oneOf({ ...maybeRelease, board: held.board, reason: maybe(field.reason), message }, ['version', 'reason']),
  withdraw: marked,
  floor: marked,
  'dead-end': marked,
  rollback: oneOf({ ...reasonOrUndo, to: maybe(field.publishedVersion) }, ['reason', 'undo']),
  follow: oneOf({ ...ref, source: maybe(field.channelName), after: duration, over: duration, none: flag }, [
    'source',
    'none',
  ]),
  'channel-create': described,
  'channel-edit': described,
  'channel-rename': v.strictObject({ ...ref, name: field.channelName }),
  'channel-delete': v.strictObject({ ...ref, force: flag }),
  prune: v.strictObject({ ...ref, keep: maybe(field.positive) }),
} as const

export type Action = keyof typeof commands
export const actions = Object.keys(commands) as readonly Action[]

export type CommandOf<A extends Action> = v.InferOutput<(typeof commands)[A]> & { readonly action: A }
export type ChannelCommand = { readonly [A in Action]: CommandOf<A> }[Action]

/** @throws PlatteError('usage') naming the first field at fault. @param nameOf what people call the field of a path. */
export function readCommand<A extends Action>(
  action: A,
  value: unknown,
  nameOf?: (path: string) => string,
): CommandOf<A> {
  const command = field.check<object>(commands[action], action.replace('channel-', 'channel '), value, 'usage', nameOf)
  return { ...command, action } as CommandOf<A>
}

/**
 * Every channel of the app that a command changes, and every name that it takes or takes away.
 * @param aliases those that the channel has.
 */
export function changedBy(command: ChannelCommand, aliases: readonly string[] = []): readonly string[] {
  if (command.action === 'channel-rename') return [command.channel, command.name]
  if (command.action === 'channel-delete') return [command.channel, ...aliases]
  const given = 'aliases' in command ? command.aliases : undefined
  if (given === undefined) return [command.channel]
  return [...new Set([command.channel, ...(given ?? []), ...aliases.filter((name) => !given?.includes(name))])]
}
