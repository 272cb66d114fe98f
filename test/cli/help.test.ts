/** The help of the commands: it lists all of them, fits a terminal, and has examples that can be parsed. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { describe, expect, inject, test } from 'vitest'
import { loadCommand, names } from '../../src/cli/commands.ts'
import { examples } from '../../src/cli/examples.ts'
import { groups, overview } from '../../src/cli/overview.ts'
import { prepared } from '../../src/cli/run.ts'

const load = async (name: string): Promise<Command> => {
  const made = await loadCommand(name)
  if (made === undefined) throw new Error(`no command ${name}`)
  return prepared(made, 'platte')
}

/** A command and those below it, by their words. */
const withSubs = (one: Command, parent = 'platte'): readonly (readonly [string, Command])[] => {
  const path = `${parent} ${one.name()}`
  return [[path, one], ...one.commands.flatMap((sub) => withSubs(sub, path))]
}

const all = (await Promise.all(names.map(load))).flatMap((one) => withSubs(one))

const tooWide = (help: string): readonly string[] => help.split('\n').filter((line) => line.length > 80)

/** The commands of lines as a shell sees them. */
const commandsIn = (lines: readonly string[]): readonly (readonly string[])[] =>
  lines
    .join('\n')
    .replaceAll(/\\\n */g, '')
    .split('\n')
    .map((line) => /platte( .*?)(?:$| [|>#])/.exec(line.replace(/^.*(?:" |\| )(?=platte )/, ''))?.[1] ?? '')
    .map((words) => [...words.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((one) => one.slice(1).find(Boolean) ?? ''))

/** @returns the command that the words run. */
async function parse(words: readonly string[]): Promise<string> {
  const made = await load(words[0] ?? '')
  const ran: string[] = []
  for (const [path, one] of withSubs(made))
    if (one.commands.length === 0 || one.registeredArguments.length > 0) one.action(() => void ran.push(path))
  await made.parseAsync(words.slice(1), { from: 'user' })
  return ran.join()
}

describe('the list of commands', () => {
  test('has each command once, with the beginning of its description', () => {
    const listed = Object.values(groups).flatMap((group) => Object.entries(group))
    expect(listed.map(([name]) => name).sort()).toEqual([...names].sort())
    const wrong = listed.filter(([name, text]) => {
      const made = all.find(([path]) => path === `platte ${name}`)?.[1]
      return !made?.description().startsWith(text)
    })
    expect(wrong).toEqual([])
  })

  test('fits 80 columns', () => expect(tooWide(overview(names))).toEqual([]))

  test.each([[[]], [['--help']], [['help']]])('is printed by platte %j', async (words) => {
    const { stdout } = await promisify(execFile)(process.execPath, [inject('cli'), ...words])
    expect(stdout).toBe(overview(names))
  })
})

test('every example is of a command', () => {
  expect(Object.keys(examples).filter((name) => !all.some(([path]) => path === `platte ${name}`))).toEqual([])
})

describe.each(all)('%s', (path, one) => {
  test('has help of 80 columns, with required options, examples and exit codes', () => {
    const required = one.options.filter(({ mandatory, defaultValue }) => mandatory && defaultValue === undefined)
    const help: string[] = []
    one.configureOutput({ writeOut: (text) => void help.push(text), getOutHelpWidth: () => 80 })
    one.outputHelp()
    const text = help.join('')
    expect(tooWide(text)).toEqual([])
    const [synopsis = ''] = text.split('\n\n')
    for (const { flags } of required) expect(synopsis).toContain(flags)
    expect(text).toContain('\nExamples:\n')
    expect(text).toContain('\nExit codes: 0 ')
  })

  test('has examples that it understands', async () => {
    const found = commandsIn(examples[path.replace('platte ', '')] ?? [])
    expect(found.length).toBeGreaterThan(0)
    for (const words of found) expect(`${await parse(words)} `.startsWith(`${path} `), words.join(' ')).toBe(true)
  })
})
