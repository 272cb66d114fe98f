/** A wrong path or URL is refused as what it is, in every option and argument of every command that takes one. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, expect, inject, test } from 'vitest'
import { loadCommand, names } from '../../src/cli/commands.ts'
import type { Ran } from './commands-child.ts'
import { policy } from './pipeline.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-paths-'))
afterAll(() => rmSync(dir, { recursive: true }))

const readFiles = ['missing', 'folder', 'file/inside', 'loop']
const writtenFiles = ['folder', 'file/inside', 'loop/inside']
const urls = ['no-url', 'ftp://example.org/x', 'http://', 'https://user:secret@example.org/']
const readFolders = ['missing', 'file', 'file/inside', 'loop']

/** Wrong values by what help calls the value; none for what is neither a path nor a URL. */
const wrong: Readonly<Record<string, readonly string[]>> = {
  key: readFiles,
  ...{ file: readFiles, files: readFiles, bundle: readFiles, extra: readFiles, folder: readFolders, url: urls },
  place: [...readFiles, 'ftp://example.org/x', 'http://'],
  store: ['no-store', 'ftp://example.org/x', 'file:', 's3://', 'http://', ...readFolders.map((one) => `file:${one}`)],
  upstream: ['no-store', 'ftp://example.org/x', 'http://', 'file:missing', 'omaha:no-url'],
  policy: ['no-policy', ...readFiles.map((one) => `file:${one}`)],
  ...Object.fromEntries(
    [
      ...[
        'alg',
        'app',
        'app/channel',
        'action',
        'address',
        'board',
        'boards',
        'channel',
        'count',
        'cve',
        'day',
        'days',
      ],
      ...[
        'driver',
        'duration',
        'format',
        'from/to',
        'group',
        'how',
        'id',
        'instant',
        'key-id',
        'length',
        'limits',
        'list',
        'machine',
        'max',
      ],
      ...[
        'name',
        'names',
        'number',
        'oem',
        'on',
        'pin',
        'program',
        'port',
        'range',
        'role',
        'role=n',
        'seq',
        'share',
        'shell',
        'source',
      ],
      ...[
        'state',
        'strategy',
        'system',
        'text',
        'time',
        'token',
        'version',
        'version=file',
        'versions',
        'where',
        'which',
        'who',
        'words',
      ],
      ...['checksum', 'image', 'scheme', 'zone'],
    ].map((name) => [name, []]),
  ),
}

/** What a command writes, or makes. */
const written = new Set(['--out', '--new-key', '--fleet-file', 'keygen <file>'])
const made = new Set([
  /** Read for an encrypted key only. */
  '--passphrase-file',
  'mirror --store',
  'import --store',
  'root rotate --new-key',
  /** Needs a store of format 2 first. */
  'root cup --out',
  'serve --store',
  'serve --mark',
  'explain --store',
  'init --keys',
  'init --root-keys',
  'init --store',
  'start --dir',
])

/** Words with which a command comes to its paths, its arguments first; `platte init` and the like need none. */
const good: Readonly<Record<string, string>> = {
  publish: 'file file2 --channel stable --version 1.0.0 --board amd64-usr --raw --dry-run',
  promote: '1.0.0 --from stable --to beta',
  adopt: 'omaha:http://127.0.0.1:1 --channel stable --boards amd64-usr --as beta',
  ...Object.fromEntries(['ramp', 'window', 'target', 'hold', 'unhold'].map((name) => [name, '1.0.0 --channel stable'])),
  ...Object.fromEntries(
    ['withdraw', 'rollback', 'floor', 'dead-end', 'hold'].map((name) => [name, '1.0.0 --channel stable --reason why']),
  ),
  ramp: '1.0.0 --channel stable --finish',
  window: '1.0.0 --channel stable --remove',
  target: '1.0.0 --channel stable --oem ami',
  'channel create': 'beta',
  'channel edit': 'stable --description x',
  'channel rename': 'stable prod',
  'channel delete': 'stable',
  follow: 'beta --channel stable',
  prune: '--channel stable',
  history: '--channel stable',
  explain: '--channel stable --version 1.0.0 --board amd64-usr',
  'client-config': '--channel stable --public-url https://updates.example.org',
  'fleet machine': 'm1',
  'fleet release': '1.0.0',
  'fleet forgive': 'm1',
  'fleet follow': '--fleet-file fleet.db',
  'lock create': 'workers',
  'lock set-max': '1',
  'lock lock': 'm1',
  'lock unlock': 'm1',
  'lock policy': 'workers --lease 4h',
  'lock zones': 'workers --per-zone 1',
  apply: 'channels.toml',
  diff: 'channels.toml',
  mirror: 'file:store',
  import: 'file',
  'import nebraska': 'http://127.0.0.1:1 --dry-run',
  'import coreupdate': 'http://127.0.0.1:1 --dry-run',
  export: '--out out.tar',
  keygen: 'new.jwk',
  'key encrypt': 'keys/root.jwk',
  'key decrypt': 'keys/root.jwk',
  'key show': 'keys/root.jwk',
  /** An address that no machine has, so that it never listens. */
  serve: '--host 192.0.2.1 --public-url https://updates.example.org',
  'root edit': '--role release --add-key keys/release.jwk',
  'root sign': 'draft.json --key keys/root.jwk',
  'root publish': 'file',
  'root rotate': '--role timestamp --new-key new.jwk --root-keys keys',
  'root cup': 'cup.jwks',
  'root format': '2 --oldest-reader 0.2.0',
  'policy check': '--publish-policy file:policy.json --claims claims.json',
}

interface Case {
  /** The option or argument. */
  readonly as: string
  readonly words: readonly string[]
  readonly value: string
}

/** Each wrong value of each option and argument of a command, and of those below it. */
function casesOf(one: Command, parents: readonly string[] = []): readonly Case[] {
  const path = [...parents, one.name()]
  const name = path.join(' ')
  const words = (good[name] ?? '').split(' ').filter(Boolean)
  const valuesOf = (kind: string, as: string): readonly string[] => {
    const values = wrong[kind]
    if (values === undefined) throw new Error(`${name} ${as}: say in this file what is wrong for <${kind}>`)
    if (made.has(`${name} ${as}`)) return []
    return values.length > 0 && (written.has(as) || written.has(`${name} ${as}`))
      ? writtenFiles
      : made.has(as)
        ? []
        : values
  }
  const options = one.options.flatMap(({ flags, long }) => {
    const kind = /[<[](.*?)[\]>]/.exec(flags)?.[1]
    if (kind === undefined || !long) return []
    return valuesOf(kind, long).map((value) => ({ as: long, words: [...path, ...words, long, value], value }))
  })
  const args = one.registeredArguments.flatMap((argument, i) =>
    valuesOf(argument.name(), `<${argument.name()}>`).map((value) => ({
      as: argument.name(),
      words: [...path, ...words.slice(0, i), value, ...words.slice(i + 1)],
      value,
    })),
  )
  return [...options, ...args, ...one.commands.flatMap((sub) => casesOf(sub, path))]
}

/** What is not there for a moment, such as a volume, is no wrong usage. */
const isStore = (value: string): boolean => value.startsWith('file:')

test('no wrong path or URL is a defect, and each is named', async () => {
  mkdirSync(join(dir, 'folder'))
  for (const name of ['file', 'file2']) writeFileSync(join(dir, name), 'text\n')
  writeFileSync(join(dir, 'claims.json'), '{}')
  writeFileSync(join(dir, 'channels.toml'), '[apps."io.example.agent".channels.beta]\ndescription = "x"\n')
  writeFileSync(join(dir, 'policy.json'), JSON.stringify(policy))
  symlinkSync('loop', join(dir, 'loop'))
  const env = {
    ...process.env,
    PLATTE_APP: 'io.example.agent',
    PLATTE_STORE: 'file:store',
    PLATTE_KEYS: 'keys',
    HOME: dir,
  }
  const node = (words: readonly string[], input = '', more = {}) =>
    spawnSync(process.execPath, words, {
      cwd: dir,
      env: { ...env, ...more },
      input,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    })
  const init = node([inject('cli'), 'init'])
  const PLATTE_ROOT = init.stdout.trim().replace('PLATTE_ROOT=', '')
  node([inject('cli'), 'keygen', 'cup.jwks', '--cup', '16'])
  node([inject('cli'), 'root', 'edit', '--expires', 'never', '--out', 'draft.json'], '', { PLATTE_ROOT })
  const cases = (await Promise.all(names.map(async (name) => casesOf((await loadCommand(name)) as Command)))).flat()
  const { stdout, stderr } = node(
    [join(import.meta.dirname, 'commands-child.ts')],
    JSON.stringify(cases.map(({ words }) => words)),
    { PLATTE_ROOT },
  )
  expect(stderr).toBe('')
  const ran: readonly Ran[] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(ran.length).toBe(cases.length)
  const strange = ran.filter(({ exitCode, stderr: said }, i) => {
    const { value = '', as = '' } = cases[i] ?? {}
    const isRefused = exitCode === 2 || exitCode === 4 || (exitCode === 1 && isStore(value))
    const isNamed = said.includes(value.replace(/^(file|omaha):/, '')) || said.includes(as)
    return !isRefused || !isNamed || said.includes('a defect')
  })
  const linesOf = ({ words, exitCode, stderr: said }: Ran): string =>
    `${words.join(' ')}\n  ${exitCode}: ${said.slice(0, 300)}`
  expect(strange.map(linesOf).join('\n')).toBe('')
})
