/**
 * Formats outlive versions: a store that an earlier version recorded works unchanged, the earlier version reads what
 * today's writes, and what it would refuse is not written before the root allows it.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { payloadText } from '../payloads.ts'
import { buildEarlier, buildToday, copyKeys, type Platte, platteIn } from './platte.ts'
import { afterwards, tellStory } from './story.ts'

const above = mkdtempSync(join(tmpdir(), 'platte-formats-'))
const main = { today: '', earlier: '' }
const machine = '2ac74a0b2bca4a1ba4a1b9d4a0c5a0a1'
const recordedPin = '1:sha256:caab1fc7bb77555aa8833adc23792afb1abb60ac452e7a3af830f4ae19ee5e2e'
const hangs = { timeout: 600_000 }

beforeAll(() => {
  main.today = buildToday(above)
  main.earlier = buildEarlier(above)
}, hangs.timeout)
afterAll(() => rmSync(above, { recursive: true, force: true }))

function folderOf(name: string): string {
  const folder = join(above, name)
  mkdirSync(folder)
  return folder
}

/** The recorded store in a folder of its own, with the keys that write it. */
function recorded(name: string): Platte {
  const platte = platteIn(folderOf(name), main.today)
  cpSync(join(import.meta.dirname, 'recorded'), platte.folder, { recursive: true })
  copyKeys(platte.folder)
  Object.assign(platte.env, { PLATTE_ROOT: recordedPin, PLATTE_KEYS: 'keys/next' })
  return platte
}

/** The other command line over the same store. */
function sameStore({ folder, env }: Platte, other: string): Platte {
  const platte = platteIn(folder, other)
  Object.assign(platte.env, env)
  return platte
}

interface Answer {
  readonly reason?: string
  readonly offered?: string
}

const explain = (platte: Platte, at: string, [channel, version]: readonly [string, string], ...more: string[]) => {
  const asking = ['--channel', channel, '--version', version, '--board', 'amd64-usr', '--machine', machine]
  const { reason, offered }: Answer = JSON.parse(platte.must(at, 'explain', '--json', ...asking, ...more))
  return offered ?? reason ?? ''
}

/** Channel, version, instant, what is offered or why not. */
const answers: readonly (readonly [channel: string, version: string, at: string, want: string])[] = [
  ['alpha', '1.0.0', afterwards, '2.0.0'],
  ['9a2deb70-37be-4026-853f-bfdd6b347bbe', '1.0.0', afterwards, '2.0.0'],
  ['alpha', '2.0.0', afterwards, 'not-in-ramp'],
  ['stable', '1.0.0', afterwards, 'dead-end'],
  ['stable', '2.0.0', afterwards, 'not-in-ramp'],
  ['stable', '2.0.0', '2026-11-09T12:00:00Z', 'outside-window'],
  ['stable', '2.0.0', '2026-11-14T12:00:00Z', '3.0.0'],
  ['lts', '2.0.0', afterwards, 'up-to-date'],
  ['lts', '2.0.0', '2026-11-14T12:00:00Z', '3.0.0'],
  ['nightly', '2.0.0', afterwards, '1.0.0'],
  ['edge', '2.0.0', afterwards, '1.0.0'],
  ['nightly', '1.0.0', afterwards, 'withdrawn'],
  ['gone', '1.0.0', afterwards, 'unknown-channel'],
]

describe('a store of an earlier version', () => {
  test('is whole', hangs, () => {
    const { findings, channels, manifests, packages } = JSON.parse(
      recorded('whole').must(afterwards, 'verify', '--json'),
    )
    expect({ findings, channels, manifests, packages }).toEqual({
      findings: [],
      channels: 7,
      manifests: 36,
      packages: 6,
    })
  })

  test('gives the same answers', hangs, () => {
    const platte = recorded('answers')
    const got = answers.map(([channel, version, at]) => [channel, version, at, explain(platte, at, [channel, version])])
    expect(got).toEqual(answers)
    const overlay = ['--overlay', 'overlay.json']
    expect(explain(platte, '2026-11-14T12:00:00Z', ['stable', '2.0.0'], ...overlay)).toBe('held')
    const lock = JSON.parse(platte.must(afterwards, 'lock', 'status', '--group', 'workers', '--json'))
    expect(JSON.stringify(lock)).toContain(machine)
  })

  test('stays readable for the earlier version after writes by this one', hangs, async () => {
    const platte = recorded('goes-on')
    writeFileSync(join(platte.folder, 'os-4.gz'), payloadText('the fourth release'))
    for (const command of [
      'publish os-4.gz --channel alpha --version 4.0.0 --board amd64-usr',
      'promote 4.0.0 --from alpha --to stable --ramp-over 48h',
      'hold 4.0.0 --channel stable --reason wait',
      'unhold 2.0.0 --channel stable --board amd64-usr',
      'channel rename nightly daily',
      'root rotate --role release --new-key keys/last/release.jwk --root-keys keys/root',
      'lock unlock 2ac74a0b2bca4a1ba4a1b9d4a0c5a0a1 --group workers',
    ])
      platte.must(afterwards, ...command.split(' '))
    expect(explain(platte, afterwards, ['alpha', '2.0.0'])).toBe('4.0.0')
    platte.must(afterwards, 'verify')
    expect(catalogIn(platte)).not.toHaveProperty('log')
    const earlier = sameStore(platte, main.earlier)
    earlier.must(afterwards, 'verify')
    expect(explain(earlier, afterwards, ['alpha', '2.0.0'])).toBe('4.0.0')
  })
})

describe('an earlier version', () => {
  test('reads a store written by this version like its own', hangs, async () => {
    const today = platteIn(folderOf('today'), main.today)
    tellStory(today)
    const earlier = sameStore(today, main.earlier)
    earlier.must(afterwards, 'verify')
    const own = sameStore(recorded('own'), main.earlier)
    for (const channel of [[], ['alpha'], ['stable'], ['lts'], ['nightly']]) {
      const show = ['show', '--json', ...channel.flatMap((name) => [today.env.PLATTE_APP ?? '', name])]
      expect(JSON.parse(earlier.must(afterwards, ...show))).toEqual(JSON.parse(own.must(afterwards, ...show)))
    }
    for (const [channel, version, at, want] of answers) expect(explain(earlier, at, [channel, version])).toBe(want)
    const server = await earlier.serve(afterwards)
    try {
      expect(await server.check('alpha', '1.0.0')).toContain('<manifest version="2.0.0">')
    } finally {
      await server.stop()
    }
  })

  test('refuses a root of format 2, and keeps answering from its last good state', hangs, async () => {
    const platte = recorded('format-2')
    const earlier = sameStore(platte, main.earlier)
    const server = await earlier.serve(afterwards)
    try {
      expect(await server.check('alpha', '1.0.0')).toContain('<manifest version="2.0.0">')
      allowFormat2(platte)
      server.setClock('2026-11-02T00:05:00Z')
      expect(await server.check('alpha', '1.0.0')).toContain('<manifest version="2.0.0">')
      await vi.waitFor(() => expect(server.log()).toMatch(/root\/6\.jws: root: format: /), {
        timeout: 60_000,
        interval: 200,
      })
    } finally {
      await server.stop()
    }
    expect(earlier.run(afterwards, 'verify')).toMatchObject({
      status: 5,
      stderr: expect.stringContaining('root/6.jws: root: format: '),
    })
    // Nothing uses format 2 yet, so today's version reads and writes as before.
    platte.must(afterwards, 'verify')
    expect(catalogIn(platte)).not.toHaveProperty('log')
    platte.must(afterwards, 'refresh', '--force')
    expect(catalogIn(platte).format).toBe(1)
    platte.must(afterwards, 'hold', '1.0.0', '--channel', 'alpha', '--reason', 'wait')
    expect(catalogIn(platte)).toMatchObject({ format: 2, log: [{ what: 'hold', version: '1.0.0' }] })
    expect(explain(platte, afterwards, ['alpha', '1.0.0'])).toBe('2.0.0')
  })
})

function catalogIn({ folder }: Platte) {
  const { payload } = JSON.parse(readFileSync(join(folder, 'store/catalog.jws'), 'utf8'))
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

function allowFormat2(platte: Platte): void {
  platte.must(afterwards, 'root', 'format', '2', '--oldest-reader', '0.2.0')
  expect(JSON.parse(readFileSync(join(platte.folder, 'root-6.json'), 'utf8'))).toMatchObject({ format: 2, version: 6 })
  platte.must(afterwards, 'root', 'sign', 'root-6.json', '--key', 'keys/root/root.jwk')
  platte.must(afterwards, 'root', 'publish', 'root-6.jws')
}

describe('platte root format', () => {
  test('lists what must be upgraded first, and asks for confirmation', hangs, () => {
    const platte = recorded('confirm')
    const unconfirmed = platte.run(afterwards, 'root', 'format', '2')
    expect(unconfirmed.status).toBe(3)
    expect(unconfirmed.stderr).toContain('Only Platte 0.2.0 and later read a store at format 2.')
    expect(unconfirmed.stderr).toContain('Upgrade these first: servers, Workers, Lambda functions')
    expect(unconfirmed.stderr).toContain('--oldest-reader')
    const tooOld = platte.run(afterwards, 'root', 'format', '2', '--oldest-reader', '0.1.9')
    expect(tooOld).toMatchObject({ status: 3, stderr: expect.stringContaining('Platte 0.1.9 does not read format 2') })
    expect(platte.run(afterwards, 'root', 'format', '3', '--oldest-reader', '9.0.0').status).toBe(2)
    expect(() => readFileSync(join(platte.folder, 'root-6.json'))).toThrow()
  })

  test('never goes back', hangs, () => {
    const platte = recorded('back')
    allowFormat2(platte)
    const back = platte.run(afterwards, 'root', 'format', '1', '--oldest-reader', '0.2.0')
    expect(back).toMatchObject({ status: 3, stderr: expect.stringContaining('a store never goes back') })
    const again = platte.run(afterwards, 'root', 'format', '2', '--oldest-reader', '0.2.0')
    expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('at format 2 already') })
  })
})
