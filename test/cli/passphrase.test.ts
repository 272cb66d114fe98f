/** Passphrases that a person types: real processes at a real pseudo-terminal, which script(1) of util-linux opens. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const passphrase = 'correct horse battery staple'
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platte-passphrase-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** What is typed once the terminal shows a text. */
type Script = readonly (readonly [shown: string, typed: string])[]

/** Runs a line of shell at a terminal, in which `platte` is the command line. @returns what it showed, and its exit code. */
function atTerminal(line: string, script: Script, env: Readonly<Record<string, string>> = {}) {
  const shell = `platte() { "${process.execPath}" "${inject('cli')}" "$@"; }; ${line}`
  const child = spawn('script', ['--quiet', '--return', '--command', shell, '/dev/null'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, SHELL: '/bin/sh', TERM: 'xterm', NO_COLOR: '1', ...env },
  })
  return new Promise<{ readonly shown: string; readonly code: number | null }>((resolve, reject) => {
    let shown = ''
    let seen = 0
    const left = [...script]
    child.once('error', reject)
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk
      const [next] = left
      const at = next ? shown.indexOf(next[0], seen) : -1
      if (next === undefined || at < 0) return
      seen = at + next[0].length
      left.shift()
      child.stdin.write(next[1])
    })
    child.once('close', (code) => resolve({ shown, code }))
  })
}

const fresh: Script = [
  ['New passphrase for key.jwk: ', `${passphrase}\r`],
  ['The same again: ', `${passphrase}\r`],
]
const asks = 'Passphrase of key.jwk: '

describe.skipIf(process.platform !== 'linux')('at a terminal', () => {
  test('a passphrase that is repeated in another way makes no key', async () => {
    const script: Script = [fresh[0] as Script[0], ['The same again: ', `${passphrase}!\r`]]
    const { shown, code } = await atTerminal('platte keygen key.jwk --encrypt', script)
    expect(shown).toContain('error: key.jwk: the two passphrases differ, so nothing was written')
    expect(code).toBe(4)
    expect(existsSync(join(folder, 'key.jwk'))).toBe(false)
  })

  test('a new passphrase is asked for twice and never shown', async () => {
    const { shown, code } = await atTerminal('platte keygen key.jwk --encrypt', fresh)
    expect(shown).toContain('made key.jwk; key id ')
    expect(shown).not.toContain(passphrase)
    expect(code).toBe(0)
    expect(readFileSync(join(folder, 'key.jwk'), 'utf8')).toMatch(/^eyJ[\w-]+(\.[\w-]+){4}\n$/)
  })

  test('the right one opens the key, also with a typing error that was taken back, and echo is on again', async () => {
    const typed = `corrxx\x7f\x7f${passphrase.slice(4)}\r`
    const { shown, code } = await atTerminal('platte key show key.jwk && stty -a', [[asks, typed]])
    expect(shown).toContain('"crv":"Ed25519"')
    expect(shown).toMatch(/ echo /)
    expect(shown).not.toContain('battery')
    expect(code).toBe(0)
  })

  test('a wrong one is refused without being repeated', async () => {
    const { shown, code } = await atTerminal('platte key show key.jwk', [[asks, 'wrong horse\r']])
    expect(shown).toContain('error: key.jwk: the passphrase is wrong, or the file is damaged')
    expect(shown).not.toContain('wrong horse')
    expect(code).toBe(4)
  })

  test('Ctrl-D gives up', async () => {
    const { shown, code } = await atTerminal('platte key decrypt key.jwk', [[asks, '\x04']])
    expect(shown).toContain('error: no passphrase was typed')
    expect(code).toBe(4)
    expect(readFileSync(join(folder, 'key.jwk'), 'utf8')).toMatch(/^eyJ/)
  })

  test('Ctrl-C interrupts, and echo is on again', async () => {
    const line = 'platte key decrypt key.jwk; code=$?; stty -a; exit $code'
    const { shown, code } = await atTerminal(`trap : INT; ${line}`, [[asks, '\x03']])
    expect(shown).toMatch(/ echo /)
    expect(code).toBe(130)
  })

  test('a file with the passphrase is used instead of asking', async () => {
    await writeFile(join(folder, 'passphrase'), `${passphrase}\n`)
    const { shown, code } = await atTerminal('platte key show key.jwk', [], { PLATTE_PASSPHRASE_FILE: 'passphrase' })
    expect(shown).not.toContain('Passphrase')
    expect(code).toBe(0)
  })
})

test('what signs the catalog alone reads no release key', () => {
  const sh = (line: string) =>
    spawnSync('sh', ['-c', `platte() { "${process.execPath}" "${inject('cli')}" "$@"; }; ${line}`], {
      cwd: folder,
      env: { PATH: process.env.PATH, PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_PASSPHRASE_FILE: '' },
      encoding: 'utf8',
    })
  const made = sh(
    `export "$(platte init)" && echo x > x.gz && echo "$PLATTE_ROOT" > pin && echo '${passphrase}' > words &&
     platte publish x.gz --raw --create --app app --channel stable --version 1 --board amd64-usr &&
     platte key encrypt keys/release.jwk --passphrase-file words`,
  )
  expect([made.status, made.stderr]).toEqual([0, expect.any(String)])
  for (const [words, status] of [
    ['refresh --force', 0],
    ['hold 1 --app app --channel stable --reason loop', 0],
    ['unhold 1 --app app --channel stable --yes', 0],
    ['ramp --app app --channel stable --pause', 0],
    ['ramp --app app --channel stable --resume', 0],
    ['channel edit stable --app app --description x', 4],
  ] as const) {
    const ran = sh(`export PLATTE_ROOT="$(cat pin)"; platte ${words}`)
    expect([words, ran.status, ran.stderr]).toEqual([words, status, status === 0 ? '' : expect.any(String)])
  }
})
