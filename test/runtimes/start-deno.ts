/** The real Deno as a process of its own, with the permissions that it is given and no others. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const root = resolve(import.meta.dirname, '../..')
/** The binary itself: its launcher would not hand signals on. */
export const denoBinary = join(dirname(createRequire(import.meta.url).resolve('deno/package.json')), 'deno')

/** @param script from the top of the repository, or an absolute path. */
export function startDeno(
  script: string,
  more: {
    readonly permissions: readonly string[]
    readonly args?: readonly string[]
    readonly env?: Readonly<Record<string, string>>
  },
): ChildProcess {
  const { permissions, args = [], env = {} } = more
  const options = ['run', '--no-prompt', '--cached-only', '--no-lock', '--quiet', ...permissions]
  return spawn(denoBinary, [...options, resolve(root, script), ...args], {
    cwd: root,
    env: { HOME: '/nonexistent', DENO_NO_UPDATE_CHECK: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** The first line of what it prints, which is JSON; the others are read and dropped. */
export async function firstLine({ stdout }: ChildProcess) {
  if (stdout === null) throw new Error('there is no stdout')
  for await (const line of createInterface(stdout)) {
    stdout.resume()
    return JSON.parse(line)
  }
  throw new Error('deno ended without a word')
}
