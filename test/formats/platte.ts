/** Command lines of Platte, of today and of an earlier commit, each a single file, run with a clock that stands still. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const repository = resolve(import.meta.dirname, '../..')

/** The commit that recorded `recorded/`: the oldest reader that every later version must keep working. */
const earlierCommit = '93fb10f4a87a13670dec5455fd95689cece791d5'

/** Builds the command line of a source tree. @returns its file. */
function bundle(tree: string, out: string, more: readonly string[] = []): string {
  const banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
  const options = ['--bundle', '--platform=node', '--target=node22', '--format=esm', '--log-level=warning']
  const esbuild = join(repository, 'node_modules/.bin/esbuild')
  const files = ['src/cli/main.ts', `--outfile=${out}`, `--banner:js=${banner}`]
  execFileSync(esbuild, [...files, ...options, ...more], { cwd: tree })
  return out
}

export const buildToday = (folder: string): string => bundle(repository, join(folder, 'today.mjs'))

/** Builds the earlier command line out of this repository's history, with the libraries of today. */
export function buildEarlier(folder: string): string {
  const tree = join(folder, 'earlier')
  mkdirSync(tree)
  try {
    const archive = execFileSync('git', ['archive', earlierCommit, 'src', 'package.json', 'tsconfig.json'], {
      cwd: repository,
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    execFileSync('tar', ['-x', '-C', tree], { input: archive })
  } catch (cause) {
    const why = `commit ${earlierCommit} is not in this clone: run \`git fetch --unshallow\`, or clone with full history`
    throw new Error(why, { cause })
  }
  symlinkSync(join(repository, 'node_modules'), join(tree, 'node_modules'))
  // Its feeds and notes were written with libraries that are no longer installed. Nothing here asks for either.
  writeFileSync(join(tree, 'none.mjs'), 'export default class {}\nexport const micromark = () => ""\n')
  const gone = ['fast-xml-builder', 'micromark'].map((name) => `--alias:${name}=./none.mjs`)
  const main = bundle(tree, join(folder, 'earlier.mjs'), gone)
  rmSync(tree, { recursive: true })
  return main
}

/** What a command printed, and its exit code. */
export interface Output {
  readonly stdout: string
  readonly stderr: string
  readonly status: number | null
}

/** Runs commands in one folder; PLATTE_ROOT is remembered as it is printed, and changed by the caller where that matters. */
export interface Platte {
  readonly folder: string
  readonly env: Record<string, string>
  /** @param at the instant that the command's clock shows. */
  run(at: string, ...args: readonly string[]): Output
  /** The same for a command that must work. @returns stdout. */
  must(at: string, ...args: readonly string[]): string
  serve(at: string): Promise<Server>
}

/** `platte serve`, on a free port. */
export interface Server {
  /** Sends an update check as update_engine does. @returns the body of the answer. */
  check(channel: string, version: string): Promise<string>
  setClock(at: string): void
  /** What it has logged so far. */
  log(): string
  stop(): Promise<void>
}

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

export function platteIn(folder: string, main: string): Platte {
  const env: Record<string, string> = {
    ...{ PATH: process.env.PATH ?? '', HOME: folder, NO_COLOR: '1', PLATTE_APP: app, PLATTE_YES: '1' },
    ...{ PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', NODE_COMPILE_CACHE: join(dirname(main), 'compiled') },
  }
  const run = (at: string, ...args: readonly string[]): Output => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--import', join(import.meta.dirname, 'clock.ts'), main, ...args],
      { cwd: folder, env: { ...env, PLATTE_TEST_NOW: at }, encoding: 'utf8' },
    )
    const pin = /^PLATTE_ROOT=(.*)$/m.exec(stdout)?.[1]
    if (pin !== undefined) env.PLATTE_ROOT ??= pin
    return { stdout, stderr, status }
  }
  const must = (at: string, ...args: readonly string[]): string => {
    const { stdout, stderr, status } = run(at, ...args)
    if (status !== 0) throw new Error(`platte ${args.join(' ')}: exit code ${status}\n${stdout}${stderr}`)
    return stdout
  }
  return { folder, env, run, must, serve: (at) => serve({ folder, env, main }, at) }
}

/** Puts the keys that were made only for these tests into a folder. */
export const copyKeys = (folder: string): void =>
  cpSync(join(import.meta.dirname, 'keys'), join(folder, 'keys'), { recursive: true })

async function serve({ folder, env, main }: Pick<Platte, 'folder' | 'env'> & { readonly main: string }, at: string) {
  const clock = join(folder, 'clock')
  const setClock = (instant: string): void => writeFileSync(clock, instant)
  setClock(at)
  const args = ['--import', join(import.meta.dirname, 'clock.ts'), main, 'serve', '--port', '0']
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...env, PLATTE_TEST_NOW: clock } })
  const exited = once(child, 'exit')
  let printed = ''
  const url = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      printed += chunk
      const [, found] = /listening on (\S+)/.exec(printed) ?? []
      if (found !== undefined) resolve(found)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('exit', () => reject(new Error(`platte serve ended: ${printed}`)))
  })
  const check = async (channel: string, version: string): Promise<string> => {
    const attributes = `appid="{${app}}" version="${version}" track="${channel}" board="amd64-usr" machineid="1"`
    const body = `<?xml version="1.0"?><request protocol="3.0"><app ${attributes}><updatecheck/></app></request>`
    return (await fetch(url, { method: 'POST', body })).text()
  }
  const stop = async (): Promise<void> => {
    child.kill()
    await exited
  }
  return { check, setClock, log: () => printed, stop }
}
