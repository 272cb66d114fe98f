/** The help of the commands: it fits a terminal, and its examples have only options that there are. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { examples } from '../../src/cli/examples.ts'

const helpOf = async (...words: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [inject('cli'), ...words, '--help'])).stdout

const tooWide = (help: string): readonly string[] => help.split('\n').filter((line) => line.length > 80)

test('the list of commands fits 80 columns', async () => {
  expect(tooWide(await helpOf())).toEqual([])
})

test.each(Object.entries(examples))(
  '%s has examples with options that it has',
  { timeout: 60_000 },
  async (name, lines) => {
    const [, ...words] = name.split(' ')
    const help = await helpOf(...words)
    expect(tooWide(help)).toEqual([])
    const [options = '', shown = ''] = help.split('\nExamples:\n')
    expect(
      shown
        .split('\n')
        .filter(Boolean)
        .map((line) => line.slice(2)),
    ).toEqual(lines)
    const all = name === 'platte fleet' ? options + (await helpOf('fleet', 'follow')) : options
    for (const [flag] of lines.join(' ').matchAll(/--[a-z-]+/g)) expect(all).toContain(`  ${flag} `)
  },
)
