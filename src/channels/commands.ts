/** The schema of each command that changes a channel, for the command line and the publish function. */
import * as v from 'valibot'
import { components, cves, packageList, target, windows } from '../documents/channel.ts'
import * as field from '../documents/fields.ts'
import type { ErrorCode } from '../kernel/errors.ts'

/** Release notes are kept beside the manifest, and so are as long as a document may be. */
const maxNotesLength = 256 * 1024

const ref = { app: field.appName, channel: field.channelName }
const release = { ...ref, version: field.publishedVersion }
const maybeRelease = { ...ref, version: v.exactOptional(field.publishedVersion) }
const flag = v.exactOptional(v.literal(true))
const share = v.pipe(v.number(), v.minValue(0, 'must be 0 to 1'), v.maxValue(1, 'must be 0 to 1'))

const count = (command: object, names: readonly string[]): number =>
  names.filter((name) => Object.hasOwn(command, name)).length

/** A command with one of some fields. */
const oneOf = <const Fields extends v.ObjectEntries>(fields: Fields, names: readonly (keyof Fields & string)[]) =>
  v.pipe(
    v.strictObject(fields),
    v.check((command) => count(command, names) === 1, `give one of ${names.join(', ')}`),
  )

const reasonOrUndo = { ...release, reason: v.exactOptional(field.reason), undo: flag }
const marked = oneOf(reasonOrUndo, ['reason', 'undo'])

const held = { ...release, board: v.exactOptional(field.boardName) }

const described = {
  ...ref,
  description: v.exactOptional(v.nullable(field.text(500))),
  cadence: v.exactOptional(v.nullable(v.strictObject({ every: field.duration, on: v.exactOptional(field.text(16)) }))),
  aliases: v.exactOptional(v.nullable(v.array(field.channelName))),
}

const ramp = v.pipe(
  oneOf(
    {
      ...maybeRelease,
      over: v.exactOptional(field.duration),
      start: v.exactOptional(field.instant),
      steps: v.exactOptional(
        v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(100, 'must be at most 100')),
      ),
      from: v.exactOptional(share),
      share: v.exactOptional(share),
      none: flag,
      lower: flag,
      stop: flag,
      resume: flag,
    },
    ['over', 'share', 'none', 'stop', 'resume'],
  ),
  v.check(
    (command) => (command.version === undefined) === (count(command, ['stop', 'resume']) === 1),
    'stop and resume take no version; everything else takes one',
  ),
)

/** `publish` takes packages that were uploaded before. */
export const commands = {
  publish: v.strictObject({
    ...release,
    board: field.boardName,
    packages: packageList,
    components: v.exactOptional(components),
    cves: v.exactOptional(cves),
    notes: v.exactOptional(v.pipe(v.string(), v.maxLength(maxNotesLength))),
    rampOver: v.exactOptional(field.duration),
    create: v.exactOptional(v.boolean()),
  }),
  promote: v.strictObject({
    ...release,
    from: field.channelName,
    boards: v.exactOptional(v.array(field.boardName)),
    rampOver: v.exactOptional(field.duration),
  }),
  ramp,
  window: oneOf({ ...maybeRelease, windows: v.exactOptional(windows), add: flag, none: flag }, ['windows', 'none']),
  target: oneOf({ ...maybeRelease, target: v.exactOptional(target), none: flag }, ['target', 'none']),
  hold: v.strictObject({ ...held, reason: field.reason }),
  unhold: v.strictObject(held),
  withdraw: marked,
  floor: marked,
  'dead-end': marked,
  rollback: oneOf({ ...reasonOrUndo, to: v.exactOptional(field.publishedVersion) }, ['reason', 'undo']),
  follow: oneOf(
    {
      ...ref,
      source: v.exactOptional(field.channelName),
      after: v.exactOptional(field.duration),
      over: v.exactOptional(field.duration),
      none: flag,
    },
    ['source', 'none'],
  ),
  'channel-create': v.strictObject(described),
  'channel-edit': v.strictObject(described),
  'channel-rename': v.strictObject({ ...ref, name: field.channelName }),
  'channel-delete': v.strictObject({ ...ref, force: flag }),
  prune: v.strictObject({ ...ref, keep: v.exactOptional(field.positive) }),
} as const

export type Action = keyof typeof commands
export const actions = Object.keys(commands) as readonly Action[]

export type CommandOf<A extends Action> = v.InferOutput<(typeof commands)[A]> & { readonly action: A }
export type ChannelCommand = { readonly [A in Action]: CommandOf<A> }[Action]

/** @throws PlatteError(code) naming the first field at fault. */
export function readCommand<A extends Action>(action: A, value: unknown, code: ErrorCode = 'usage'): CommandOf<A> {
  const command = field.check<object>(commands[action], action, value, code)
  return { ...command, action } as CommandOf<A>
}

/** Every channel of the app that a command changes, and every name that it takes. */
export const changedBy = (command: ChannelCommand): readonly string[] =>
  command.action === 'channel-rename'
    ? [command.channel, command.name]
    : [command.channel, ...(('aliases' in command && command.aliases) || [])]
