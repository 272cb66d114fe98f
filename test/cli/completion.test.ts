/** Completion in real shells: bash here, zsh and fish by `.ci/shells run npm test -- test/cli/completion.test.ts`. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { names } from '../../src/cli/commands.ts'

const home = mkdtempSync(join(tmpdir(), 'platte-completion-'))
afterAll(() => rmSync(home, { recursive: true }))

const run = (file: string, ...words: readonly string[]): string =>
  execFileSync(file, words, { encoding: 'utf8', env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home } })

/** The words that a shell offers after those typed; the last one is being typed. */
type Offer = (script: string, typed: readonly string[]) => string

const inBash: Offer = (script, typed) =>
  run(
    ...(['bash', '--norc', '-c'] as const),
    `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _platte; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ...['bash', 'platte', ...typed],
  )

/** Its own completion needs a terminal, so what it would add is printed; it takes those that begin as typed. */
const inZsh = (zsh: string): Offer => {
  const own = 'compdef() {}; _files() { print FILES }; compadd() { shift; print -l -- "$@" }'
  return (script, typed) =>
    run(zsh, '-f', '-c', `${own}; source ${script}; words=("$@"); CURRENT=$#; _platte`, 'zsh', 'platte', ...typed)
      .split('\n')
      .filter((word) => word.startsWith(typed.at(-1) ?? ''))
      .join('\n')
}

const inFish =
  (fish: string): Offer =>
  (script, typed) =>
    run(fish, '--no-config', '-c', `source ${script}; complete -C 'platte ${typed.join(' ')}'`).replace(/\t.*$/gm, '')

const { PLATTE_ZSH: zsh, PLATTE_FISH: fish } = process.env
const shells = [
  { shell: 'bash', offer: inBash as Offer | undefined },
  { shell: 'zsh', offer: zsh ? inZsh(zsh) : undefined },
  { shell: 'fish', offer: fish ? inFish(fish) : undefined },
]

describe.each(shells)('$shell', ({ shell, offer }) => {
  const script = join(home, `platte.${shell}`)
  const completed = (...typed: readonly string[]): readonly string[] => {
    if (!existsSync(script)) writeFileSync(script, run(process.execPath, inject('cli'), 'completion', shell))
    return (offer?.(script, typed) ?? '').trim().split('\n').filter(Boolean).sort()
  }

  test.skipIf(!offer)('completes commands', () => {
    expect(completed('')).toEqual(expect.arrayContaining([...names]))
    expect(completed('pro')).toEqual(['promote'])
    expect(completed('lock', 's')).toEqual(['set-max', 'status'])
  })

  test.skipIf(!offer)('completes options of the command, not of others', () => {
    expect(completed('promote', '1.0.0', '--ramp')).toEqual(['--ramp-over'])
    expect(completed('lock', 'policy', '--veto')).toEqual(['--veto-after-rollback', '--veto-on-hold'])
    expect(completed('show', '--ramp')).toEqual([])
  })

  test.skipIf(!offer)('completes the words that an option takes', () => {
    expect(completed('mirror', '--packages', '')).toEqual(expect.arrayContaining(['all', 'current', 'none']))
    expect(completed('mirror', '--packages', 'c')).toEqual(['current'])
    expect(completed('fleet', 'machines', '--state', 'fel')).toEqual(['fell-back'])
  })

  test.skipIf(!offer)('leaves other values to the shell', () => {
    expect(completed('publish', '--channel', 'pro')).not.toContain('promote')
  })
})

test('an unknown shell is wrong usage', () => {
  expect(() => run(process.execPath, inject('cli'), 'completion', 'tcsh')).toThrow(
    /Allowed choices are bash, zsh, fish/,
  )
})
