/** What the commands that edit a channel share: their options, and how results are printed. */
import { type Command, Option } from 'commander'
import { withApp } from '../../cli/app.ts'
import { type Confirmable, confirm, isConfirmed, yesOption } from '../../cli/confirm.ts'
import { openCatalogOf } from '../../cli/open-catalog.ts'
import * as cli from '../../cli/options.ts'
import { openEndpoint } from '../../cli/registered.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { defined } from '../../kernel/json.ts'
import { changeLine } from '../../release/diff.ts'
import { readCommand } from '../commands.ts'
import { commit, preview } from '../commit.ts'
import { type EditAction, type EditCommand, planCommand } from '../execute-command.ts'
import type { EditResult, Plan } from '../plan.ts'
import type { Publisher } from '../publish.ts'

type EditingOptions = cli.Options & Readonly<{ channel: string; dryRun?: boolean }>

type FieldsOf<Given> = (given: Given) => object | Promise<object>

/** A command that runs here or by a publish function. Its fields are the arguments and options that a caller adds. */
export function changing<Given extends object>(
  name: string,
  description: string,
  action: EditAction,
  fieldsOf: FieldsOf<Given> = (given) => given,
): Command {
  const made = cli.command(name, description, [...cli.writeFlags, ...cli.endpointFlags, 'app'])
  const shared = new Set(
    made.option('--dry-run', 'print what would change; write nothing').option(...yesOption).options,
  )
  return made.action(async () => {
    const values: Record<string, unknown> = made.opts()
    const own = made.options.filter((option) => !shared.has(option)).map((option) => option.attributeName())
    // Every command gets `--quiet` later.
    const names = own.filter((one) => one !== 'quiet')
    const given = [
      ...made.registeredArguments.map((argument, i) => [argument.name(), made.processedArgs[i]]),
      ...names.map((one) => [one, values[one]]),
    ]
    await runCommand(made, action, await fieldsOf(Object.fromEntries(given) as Given))
  })
}

/** A command that edits the one channel that a flag names. */
export const editing = <Given extends object>(action: EditAction, description: string, fieldsOf?: FieldsOf<Given>) =>
  changing<Given & { readonly channel: string }>(action, description, action, async (given) => ({
    channel: given.channel,
    ...(await (fieldsOf?.(given) ?? given)),
  })).requiredOption('--channel <channel>', 'the channel', cli.parseChannel)

export interface PlacingOptions {
  readonly belowNewest?: true
  /** What `adopt` does anyway. */
  readonly withFloors?: true
  readonly skipFloors?: true
  readonly floor?: true
  readonly reason?: string
}

type Marks = Readonly<{ floor?: true | undefined; held?: true | undefined; reason?: string | undefined }>

/** Options of every command that puts a release into a channel. */
export const placing = (made: Command): Command =>
  made
    .option('--with-floors', 'bring floors and dead ends along that machines would pass by')
    .addOption(new Option('--skip-floors', 'let machines pass by floors and dead ends').conflicts('withFloors'))
    .option('--below-newest', 'allow a version below the newest')
    .option('--floor', 'make it a floor from the first moment; with --reason')
    .option('--reason <words>', 'why it is a floor, best with a link')

/** The marks of a release, with their reason. */
export function marksOf<T extends Marks>({ floor, held, reason, ...given }: T) {
  if (reason === undefined && floor)
    throw new PlatteError('usage', '--reason is missing', { hint: 'say why it is a floor' })
  if (reason !== undefined && !floor && !held)
    throw new PlatteError('usage', '--reason goes with a mark, such as --floor', {
      hint: 'leave it out, or add the mark',
    })
  return { ...given, ...(floor && { floor: reason }), ...(held && { held: reason ?? 'not released yet' }) }
}

/** Runs a command, here or by a publish function, and prints the result. Its `undefined` fields are left out. */
async function runCommand(made: Command, action: EditAction, fields: object) {
  const options = await withApp(made.opts<Confirmable & { readonly dryRun?: boolean }>())
  const command = readCommand(action, defined({ app: options.app, ...fields }), cli.flagOf(made)) as EditCommand
  const channel = command.action === 'channel-rename' ? command.name : command.channel
  const endpoint = await openEndpoint(options)
  const isAsked = !options.dryRun && !isConfirmed(options)
  const isBrake = action === 'hold' || (action === 'rollback' && 'reason' in command)
  if (endpoint) {
    if (isAsked) await confirm((await endpoint.send<EditResult>(command, { dryRun: true })).reach, options, isBrake)
    return print(options, channel, await endpoint.send<EditResult>(command, options))
  }
  const open = isOfCatalog(command) ? openCatalogOf : cli.openStoreOf
  const planHere = async (store: Publisher) => {
    const planned = await planCommand(store, command)
    if (isAsked) await confirm(planned.reach, options, isBrake)
    return { planned, commit: () => commit(store, planned) }
  }
  await runHere({ ...options, channel }, planHere, open)
}

/** What the timestamp key alone does. */
const isOfCatalog = (command: EditCommand): boolean =>
  ['hold', 'unhold'].includes(command.action) ||
  (command.action === 'ramp' && (command.stop ?? command.resume) === true)

/** Plans and, without `--dry-run`, commits in the store; prints the result. */
export async function runHere(
  options: EditingOptions,
  planHere: (store: Publisher) => Promise<{ readonly planned: Plan; commit(): Promise<EditResult> }>,
  open = cli.openStoreOf,
): Promise<void> {
  const { store } = await open(options, warn)
  const change = await planHere(store)
  if (options.dryRun) return print(options, options.channel, await preview(store, change.planned))
  // The timestamp key alone writes one object, and often in a hurry: as a refresh does.
  if (store.release.length > 0) await refuseUnsafe(store)
  print(options, options.channel, await change.commit())
}

export function print({ json }: cli.Options, channel: string, result: EditResult): void {
  for (const warning of result.warnings ?? []) notice(`warning: ${warning}`)
  const packages = (result.packages ?? []).map(({ key, size }) => `- ${key}: ${size} bytes`)
  const { changes, effects = [], reach = [] } = result
  show(json, result, [...changes.map(changeLine), ...effects, ...reach, ...packages, sentenceOf(channel, result)])
}

function sentenceOf(channel: string, { kind, seq, inForce, signs, packages = [] }: EditResult): string {
  if (signs === 'nothing' && packages.length > 0)
    return `Dry run: packages would be removed; ${channel} would stay at revision ${seq}. Nothing removed.`
  if (signs === 'nothing') return `Dry run: nothing would change: ${channel} is already at revision ${seq}.`
  if (signs === 'catalog')
    return `Dry run: this change takes no new revision: ${channel} would stay at revision ${seq}. Nothing written.`
  if (kind === 'dry-run') return `Dry run: ${channel} would become revision ${seq}. Nothing written.`
  const live = inForce ? '' : ' Live after the next refresh.'
  if (kind === 'unchanged' && packages.length > 0) return `Packages removed. ${channel} stays at revision ${seq}.`
  if (kind === 'unchanged') return `No change: ${channel} is already at revision ${seq}.${live}`
  return `${channel} updated (revision ${seq}).${live || ' Live within 1 minute.'}`
}
