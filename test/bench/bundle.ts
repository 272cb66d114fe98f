/** Bundles as the project's own scripts do. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

type Script = 'build:worker' | 'build:lambda'

/** @param entry a file of this folder, instead of the first one that the script names. */
export const bundleWorker = (file: string, entry?: string): void => build('build:worker', `--outfile=${file}`, entry)

/** In several files, of which a start needs some. @returns the first. */
export function bundleLambda(folder: string, entry?: string): string {
  build('build:lambda', `--outdir=${folder} --out-extension:.js=.mjs`, entry)
  return join(folder, 'index.mjs')
}

/** As `bundleLambda`. */
export function bundleCli(folder: string, entry?: string): string {
  run(`${scripts['build:cli']} ${folder} ${entry === undefined ? '' : join('test/bench', entry)}`)
  return join(folder, 'platte.mjs')
}

/** As `bundleLambda`. */
export function bundleDeno(folder: string, entry?: string): string {
  const own = 'src/runtime/deno.ts'
  const file = entry === undefined ? own : join('test/bench', entry)
  run(String(scripts['build:deno']).replace('dist/deno', folder).replace(own, file))
  return join(folder, 'platte.mjs')
}

function build(script: Script, out: string, entry?: string): void {
  const [first = ''] = entries.exec(scripts[script]) ?? []
  const command = String(scripts[script])
    .replace(entries, entry === undefined ? (first.split(' ')[0] ?? '') : join('test/bench', entry))
    .replace(/ --out\S+/g, '')
  run(`${command} ${out}`)
}

function run(command: string): void {
  execFileSync('sh', ['-c', command], {
    cwd: root,
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

const entries = /src\S+\.ts( src\S+\.ts)*/
