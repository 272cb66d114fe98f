/** Runs one command, and turns failures into exit codes. */
import { styleText } from 'node:util'
import { Command, CommanderError, type Option } from 'commander'
import { closest, distance } from 'fastest-levenshtein'
import { PlatteError } from '../kernel/errors.ts'
import { loadCommand, names, registered } from './commands.ts'
import { examplesOf } from './examples.ts'
import { fail } from './exit-code.ts'
import { exitCodeLines } from './overview.ts'
import { registerForCommands } from './registered.ts'
import { readMode, showText } from './terminal.ts'

/** @param words what follows `platte`; the first is a command. A failure sets the exit code of the process. */
export async function run(words: readonly string[]): Promise<void> {
  readMode(words)
  registerForCommands(registered)
  try {
    const [word = ''] = words
    const program = new Command('platte').enablePositionalOptions().helpCommand(false).exitOverride()
    program.addCommand(prepared((await loadCommand(word)) ?? unknown(word), 'platte'))
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    const code = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : fail(error)
    // There, 2 means that something would change.
    process.exitCode = words.includes('--detailed-exitcode') ? Math.min(code, 1) : code
  }
}

function unknown(word: string): never {
  if (word.startsWith('-'))
    throw new PlatteError('usage', `unknown option '${word}'`, { hint: 'options follow the command: platte --help' })
  const near = closest(word, names)
  const isNear = distance(word, near) <= Math.min(2, word.length / 2)
  throw new PlatteError('usage', `unknown command '${word}'`, {
    hint: isNear ? `did you mean platte ${near}?` : 'platte --help lists the commands',
  })
}

/** Completes a command and those below it with what all have. */
export function prepared(one: Command, parent: string): Command {
  const path = `${parent} ${one.name()}`
  one
    .option('-q, --quiet', 'print errors and warnings only; with --json, the data, too')
    .addHelpText('after', `${examplesOf(path.replace('platte ', ''))}\n${exitCodeLines.trimEnd()}`)
    .helpCommand(false)
    .configureOutput({ writeOut: showText, outputError: () => {} })
    .configureHelp({
      styleTitle: (text) => styleText('bold', text, { validateStream: false }),
      commandUsage: (shown) => synopsisOf(shown, path),
      subcommandTerm: (sub) => [sub.name(), ...argumentsOf(sub)].join(' '),
      optionDescription: ({ mandatory, description }: Option) => `${description}${mandatory ? ' (required)' : ''}`,
    })
    .exitOverride((error) => failUsage(error, one, path))
  for (const sub of one.commands) prepared(sub, path)
  return one
}

const argumentsOf = (one: Command): readonly string[] =>
  one.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })

const maxWidth = 80

/** Arguments and required options, on lines of 80 columns. */
function synopsisOf(one: Command, path: string): string {
  const required = one.options.filter(({ mandatory, defaultValue }) => mandatory && defaultValue === undefined)
  const below = one.commands.length > 0 && one.registeredArguments.length === 0 ? ['COMMAND'] : []
  const parts = [...argumentsOf(one), ...below, ...required.map(({ flags }) => flags), '[options]']
  const lines = [`Usage: ${path}`]
  for (const part of parts) {
    const longer = `${lines.at(-1)} ${part}`
    if (longer.length <= maxWidth) lines[lines.length - 1] = longer
    else lines.push(`${' '.repeat('Usage: platte '.length)}${part}`)
  }
  return lines.join('\n').slice('Usage: '.length)
}

/** @throws CommanderError once help was printed; PlatteError('usage') for what commander refuses. */
function failUsage(error: CommanderError, one: Command, path: string): never {
  if (error.code.startsWith('commander.help')) throw error
  if (error.code === 'commander.excessArguments') throw unplaced(one, path)
  const lacks = error.code === 'commander.missingMandatoryOptionValue' ? missingOf(one) : []
  const message = lacks.length > 1 ? `required options not specified: ${lacks.join(', ')}` : error.message
  throw new PlatteError('usage', message.replace(/^error: /, ''), { hint: `see ${path} --help` })
}

const namedAtMost = 6

/** People write the obvious value without its option, such as `platte export FILE`. */
function unplaced(one: Command, path: string): PlatteError {
  const taken = one.registeredArguments.length
  const extra = one.args.slice(taken).map((word) => `'${word}'`)
  const known = taken === 0 ? 'none' : `only ${argumentsOf(one).join(' ')}`
  const valued = one.options.filter(({ required, optional }) => required || optional)
  // Those of settings come last.
  const named = [...Map.groupBy(valued, ({ description }) => /\[[A-Z_]+\]$/.test(description))]
    .sort(([a], [b]) => Number(a) - Number(b))
    .flatMap(([, options]) => options.map(({ flags }) => flags))
    .slice(0, namedAtMost)
  const unexpected = `unexpected argument${extra.length > 1 ? 's' : ''} ${extra.join(', ')}`
  return new PlatteError('usage', `${unexpected}: ${path} takes ${known}`, {
    hint: [...(named.length > 0 ? [`a value follows its option: ${named.join(', ')}`] : []), `see ${path} --help`].join(
      '; ',
    ),
  })
}

const missingOf = (one: Command): readonly string[] =>
  one.options
    .filter((option) => option.mandatory && one.getOptionValue(option.attributeName()) === undefined)
    .map(({ flags }) => flags)
