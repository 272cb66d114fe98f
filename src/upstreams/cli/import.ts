/** `platte import nebraska` and `platte import coreupdate`. */
import { type Command, InvalidArgumentError } from 'commander'
import type { ChannelCommand } from '../../channels/commands.ts'
import type { Publisher } from '../../channels/publish.ts'
import { collect, command, type Options, oneOf, openStoreOf, writeFlags } from '../../cli/options.ts'
import { progress } from '../../cli/progress.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { messageOf, PlatteError, problemOf } from '../../kernel/errors.ts'
import { parsePublicUrl, quoted } from '../../kernel/setting.ts'
import { readTextFile } from '../../runtime/text-file.ts'
import { transport } from '../../runtime/transport.ts'
import { configuredAt } from '../../store/http/fetch.ts'
import { readCoreUpdate, translateCoreUpdate } from '../coreupdate.ts'
import type { Foreign, ForeignRelease, KnownNames } from '../foreign.ts'
import {
  carryOut,
  checkImport,
  type Importer,
  knownNames,
  type PlannedChannel,
  type PlannedImport,
  planImport,
  type Stopped,
} from '../import.ts'
import type { Step } from '../import-steps.ts'
import { readNebraska } from '../nebraska-api.ts'
import { translateNebraska } from '../nebraska-import.ts'
import { checkToken, type Rest } from '../rest.ts'

interface ImportOptions extends Options {
  readonly channel?: readonly string[]
  readonly packages: 'all' | 'reference'
  readonly dryRun?: boolean
  readonly token?: string
  readonly tokenFile?: string
  readonly board?: string
}

type Read = (
  rest: Rest,
  options: ImportOptions,
  names: KnownNames,
  isWanted: (app: string) => boolean,
) => Promise<Foreign>

export function nebraskaCommand(): Command {
  const read: Read = async (rest, _, names, isWanted) => translateNebraska(await readNebraska(rest, isWanted), names)
  return importing('nebraska', 'take over apps, groups and packages of a Nebraska', read)
    .option('--token <token>', 'a bearer token of Nebraska; better in a file')
    .option('--token-file <file>', 'a file that holds it')
}

export function coreUpdateCommand(): Command {
  const read: Read = async (rest, { board = '' }, names, isWanted) =>
    translateCoreUpdate(await readCoreUpdate(rest), board, names, isWanted)
  return importing('coreupdate', 'take over the public channels and packages of a CoreUpdate', read).option(
    '--board <board>',
    'the board of all packages: CoreUpdate knows none',
    'amd64-usr',
  )
}

const importing = (name: string, about: string, read: Read): Command =>
  command(name, about, [...writeFlags, 'app'])
    .argument('<url>', 'its address, such as https://nebraska.example.org', parseServer)
    .option('--channel <channel>', 'only this channel or track; repeatable', collect)
    .option(
      '--packages <how>',
      'all (download them), or reference (leave them at their URLs)',
      oneOf(['all', 'reference']),
      'all',
    )
    .option('--dry-run', 'print what would change; write nothing')
    .action(async (url: string, _: unknown, made: Command) => run(url, made.optsWithGlobals(), read))

function parseServer(text: string): string {
  try {
    return parsePublicUrl(text)
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error))
  }
}

async function run(url: string, options: ImportOptions, read: Read): Promise<void> {
  const { store: publisher, settings } = await openStoreOf(options, warn)
  const rest: Rest = { url, token: await tokenOf(options), transport, from: configuredAt(url) }
  checkToken(rest)
  const isWanted = (app: string): boolean => settings.app === undefined || settings.app === app
  const found = onlyChannels(await read(rest, options, await knownNames(publisher), isWanted), options.channel)
  if (settings.app !== undefined) notice(`only the app ${settings.app}, which PLATTE_APP or --app names`)
  const planned = await planImport(publisher, found)
  const refused = [...found.refused, ...planned.channels.flatMap((one) => one.refused)]
  const notes = [...found.notes, ...planned.channels.flatMap((one) => one.notes)]
  for (const note of options.json ? [] : notes) notice(`note: ${note}`)
  for (const one of options.json ? [] : refused) notice(`warning: ${one}`)
  const stopped = await apply(publisher, planned, rest, options)
  report(options, { planned, notes, refused, stopped })
}

/** @returns the channels that stopped. */
async function apply(publisher: Publisher, planned: PlannedImport, { from }: Rest, options: ImportOptions) {
  if (options.dryRun) {
    try {
      checkImport(publisher, planned)
    } catch (error) {
      notice(`warning: ${problemOf(error)}`)
    }
    return []
  }
  checkImport(publisher, planned)
  if (planned.channels.every(({ steps }) => steps.length === 0)) return []
  await refuseUnsafe(publisher)
  const onStep: Importer['onStep'] = ({ channel }, step) => {
    notice(`${channel}: ${stepText(step)}`)
    return progress(channel, 'release' in step ? sizeOf(step.release) : 0)
  }
  return carryOut({ publisher, transport, from, isReference: options.packages === 'reference', onStep }, planned)
}

/** @throws PlatteError('usage') for a channel that the server does not have. */
function onlyChannels(found: Foreign, names: readonly string[] | undefined): Foreign {
  if (names === undefined) return found
  const isNamed = ({ channel, aliases }: Foreign['channels'][number]) =>
    names.some((name) => name === channel || aliases.includes(name))
  const channels = found.channels.filter(isNamed)
  const strange = names.find(
    (name) => !channels.some(({ channel, aliases }) => name === channel || aliases.includes(name)),
  )
  const others = found.channels.filter((one) => !channels.includes(one))
  const own = (sentences: readonly string[]): readonly string[] =>
    sentences.filter((one) => !others.some(({ channel }) => one.startsWith(`${channel}: `)))
  if (strange === undefined) return { channels, refused: own(found.refused), notes: own(found.notes) }
  throw new PlatteError('usage', `--channel: ${quoted(strange)} is not there`, {
    hint: `it has ${found.channels.map(({ channel }) => channel).join(', ') || 'no channels'}`,
  })
}

async function tokenOf({ token, tokenFile }: ImportOptions): Promise<string | undefined> {
  if (tokenFile !== undefined && token !== undefined)
    throw new PlatteError('usage', 'use one of --token and --token-file')
  if (tokenFile === undefined) return token && readToken('--token', token)
  const text = await readTextFile(tokenFile, 16 * 1024).catch((cause: unknown) => {
    throw new PlatteError('usage', `--token-file: ${tokenFile} cannot be read: ${messageOf(cause)}`, { cause })
  })
  return readToken(`--token-file: ${tokenFile}`, text)
}

function readToken(where: string, text: string): string {
  const token = text.trim()
  if (/^[!-~]+$/.test(token)) return token
  throw new PlatteError('usage', `${where}: is no bearer token: it has other characters, or none`)
}

function planText({ wanted, steps }: PlannedChannel): readonly string[] {
  const { app, channel, aliases } = wanted
  const also = aliases.length > 0 ? ` (also ${aliases.join(', ')})` : ''
  return [
    `${app}/${channel}${also}`,
    ...(steps.length === 0 ? ['nothing to do'] : steps.map(stepText)).map((one) => `  ${one}`),
  ]
}

function stepText(step: Step): string {
  if ('command' in step) return commandText(step.command)
  const { order, release } = step
  const { version, board, files, rampOver } = release
  const marks = [
    ...(order.held ? ['withheld'] : []),
    ...(order.floor ? [`as a floor (${order.floor})`] : []),
    ...(rampOver ? [`ramped over ${rampOver.slice(2).toLowerCase()}`] : []),
  ]
  const what = [`publish ${version} for ${board}`, ...marks].join(', ')
  return `${what}: ${files.map(({ name }) => name).join(', ')}, ${(sizeOf(release) / 1e6).toFixed(1)} MB, from ${files[0].url}`
}

const sizeOf = ({ files }: ForeignRelease): number => files.reduce((sum, { size = 0 }) => sum + size, 0)

function commandText(command: ChannelCommand): string {
  if (command.action === 'channel-create') return 'create the channel'
  if (command.action === 'channel-edit') return 'add its aliases'
  if (command.action === 'window')
    return (command.windows ?? [])
      .map(({ days, from, to, timeZone }) => `window ${days.join(',')} ${from} to ${to} ${timeZone}`)
      .join('; ')
  if (command.action === 'hold') return `hold ${command.version} for ${command.board}: ${command.reason}`
  if (command.action === 'floor') return `make ${command.version} a floor: ${command.reason}`
  return command.action === 'withdraw' ? `offer ${command.version} as far as it is not held` : command.action
}

type Done = Pick<Foreign, 'notes' | 'refused'> & Readonly<{ planned: PlannedImport; stopped: readonly Stopped[] }>

/** @throws PlatteError of the first channel that stopped; 'refused' where something cannot be imported. */
function report(options: ImportOptions, { planned, notes, refused, stopped }: Done): void {
  const count = planned.channels.reduce((sum, { steps }) => sum + steps.length, 0)
  const kind = options.dryRun ? 'dry-run' : count === 0 ? 'unchanged' : 'changed'
  const channels = planned.channels.map(({ wanted: { app, channel, aliases }, steps }) => ({
    ...{ app, channel, aliases, steps: steps.map(stepText) },
    problem: stopped.find(({ wanted }) => wanted.channel === channel && wanted.app === app)?.error.message,
  }))
  const sentence = {
    'dry-run': `Dry run: ${count} changes. Nothing written.`,
    unchanged: 'No change: everything is here already.',
    changed: `Imported ${channels.length - stopped.length} of ${channels.length} channels.`,
  }[kind]
  const plan = options.dryRun ? planned.channels.flatMap(planText) : []
  show(options.json, { kind, channels, notes, refused }, [...plan, sentence])
  for (const { wanted, error } of stopped) notice(`error: ${wanted.channel}: ${problemOf(error)}`)
  const [first] = stopped
  if (first)
    throw new PlatteError(first.error.code, `${stopped.length} channels are not complete`, {
      hint: 'run it again: it goes on where it stopped',
    })
  if (refused.length > 0 && !options.dryRun)
    throw new PlatteError('refused', `${refused.length} things could not be imported: see the warnings`)
}
