/** A clone with what a build needs and nothing else, as a release makes it. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { readLock } from '../../infra/release/bundled.ts'

export const repository = resolve(import.meta.dirname, '../..')

export const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))

export const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Packages, and folders of packages, that the build runs, beside those that it bundles. */
const buildTools = ['esbuild', '@esbuild', 'rolldown', '@rolldown', '@oxc-project']

/** @param tools what is run beside the build of the package. */
export function cloneTo(folder: string, tools: readonly string[] = []): void {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repository,
    encoding: 'utf8',
  })
  const modules = [
    ...readLock(repository).bundled.map(([path]) => path),
    ...[...buildTools, ...tools].map((name) => `node_modules/${name}`),
  ]
  for (const name of [...list.split('\0').filter((name) => /^(src|infra|docs|[^/]*$)/.test(name)), ...modules])
    if (name !== '') cpSync(join(repository, name), join(folder, name), { recursive: true })
  mkdirSync(join(folder, 'node_modules/.bin'))
  cpSync(join(repository, 'node_modules/esbuild/bin/esbuild'), join(folder, 'node_modules/.bin/esbuild'))
}

/** Runs a command with this Node before all others. */
export const run = (cwd: string, command: string, args: readonly string[], node = dirname(process.execPath)): string =>
  execFileSync(command, args, {
    ...{ cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    env: { ...process.env, PATH: `${node}${delimiter}${process.env.PATH}` },
  })

/** @returns the file that `npm publish` would upload. */
export function packageOf(folder: string): string {
  cloneTo(folder)
  run(folder, 'npm', ['run', '--silent', 'build:package'])
  const [{ filename }] = JSON.parse(run(folder, 'npm', ['pack', '--silent', '--json', './dist/npm']))
  return join(folder, filename)
}
