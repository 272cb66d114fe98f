/** platte.toml: below flags and variables, and every mistake in it named with its line. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Environment } from '../../src/kernel/setting.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { readSettingsFile } from '../../src/runtime/settings-file.ts'

const dir = await mkdtemp(join(tmpdir(), 'platte-toml-'))
afterAll(() => rm(dir, { recursive: true }))
let count = 0

async function write(text: string, mode = 0o600): Promise<string> {
  count += 1
  const path = join(dir, `${count}.toml`)
  await writeFile(path, text)
  await chmod(path, mode)
  return path
}

const read = async (text: string, env: Environment = {}) => readSettings(env, [], readSettingsFile(await write(text)))

test('every form of a value has the same meaning as in its variable', async () => {
  const text = `
# A mirror with locks.
store = "file:/var/lib/platte"
port = 0
locks = true
metrics = true
pages = false
lock_tokens = ["write:0123456789abcdef", "read:0123456789abcdef"]
lock_channels = ["a/b=c"]
mirror_channels = ["stable", "beta"]
accept_stale = "45d"
`
  expect(await read(text)).toMatchObject({
    ...{ store: { kind: 'file', dir: '/var/lib/platte' }, port: 0, locks: 'on', metrics: 'on', pages: 'off' },
    lockTokens: [{ right: 'lock' }, { right: 'read' }],
    lockChannels: new Map([['a/b', 'c']]),
    mirrorChannels: ['stable', 'beta'],
    acceptStaleMs: 45 * 24 * 60 * 60 * 1000,
    host: '127.0.0.1',
  })
})

test('a variable overrides the file, an empty one does not, and the file overrides the default', async () => {
  expect(await read('port = 1', { PORT: '2' })).toMatchObject({ port: 2 })
  expect(await read('port = 1', { PORT: '' })).toMatchObject({ port: 1 })
  expect(await read('')).toMatchObject({ port: 8787 })
})

test.each([
  ['port = 99999', /\d+\.toml line 1: port: "99999" is no port \(0 to 65535\)/],
  ['\n\nstore = "/srv"', /\.toml line 3: store: "\/srv" is no store: use file:DIR/],
  ['ports = 1', /\.toml line 1: there is no setting ports; did you mean port\?/],
  ['public-url = "https://a.example"', /there is no setting public-url; did you mean public_url\?/],
  ['PLATTE_STORE = "file:x"', /there is no setting PLATTE_STORE/],
  ['something_else_entirely = 1', /there is no setting something_else_entirely$/m],
  ['[locks]\ntokens = "x"', /\.toml line 1: locks: use a text, a whole number, true or false, or a list of texts/],
  ['port = 1.5', /port: use a text, a whole number/],
  ['locks = "yes"', /line 1: locks: "yes" is neither on nor off/],
  ['lock_tokens = ["write:canary"]', /line 1: lock_tokens: number 1 is too short/],
  ['locks = true\nstore = "https://example.org/"', /line 1: locks: locks are kept in the store/],
  ['pages = off', /line 1: pages: texts stand in quotes: write pages = "off"/],
  ['port = 1\nhost = a.example # x', /line 2: host: texts stand in quotes: write host = "a\.example"/],
  ['explain_token = canary', /line 1: explain_token: texts stand in quotes: explain_token = "…"/],
  ['explain = true', /line 1: explain: "on" is none of public, token, off \(true means "on"\)/],
  ['store = "canary', /\.toml line 1: not TOML/],
  ['store = "a"\nstore = "canary"', /\.toml line 2: not TOML/],
])('%j is refused, and no secret is printed', async (text, want) => {
  await expect(read(text)).rejects.toThrow(want)
  await expect(read(text)).rejects.not.toThrow(/canary/)
})

test('all problems are reported together, from every source', async () => {
  const problem = read('port = -1\nprot = 2', { PLATTE_STORE: 'nowhere' })
  await expect(problem).rejects.toThrow(
    /line 1: port: "-1" is no port.*\n.*line 2: .*prot.*\n.*PLATTE_STORE \(--store\): "nowhere" is no store/,
  )
})

test('the file named by PLATTE_CONFIG must exist; platte.toml is optional', () => {
  expect(() => readSettingsFile(join(dir, 'absent.toml'))).toThrow(/absent\.toml cannot be read/)
  expect(readSettingsFile(undefined)).toBeUndefined()
  expect(readSettingsFile('')).toBeUndefined()
})

test.each([
  ['explain_token = "0123456789abcdef"', 0o644, /can read explain_token in .*: run chmod o-r/],
  ['explain_token = "0123456789abcdef"', 0o640, undefined],
  ['port = 1', 0o644, undefined],
])('%s in a file of mode %o', async (text, mode, want) => {
  const warnings = readSettingsFile(await write(text, mode))?.warnings
  if (want === undefined) expect(warnings).toEqual([])
  else expect(warnings).toEqual([expect.stringMatching(want)])
})
