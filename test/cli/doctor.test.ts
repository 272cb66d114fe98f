/** `platte doctor`, `init` and `publish` as processes, against a bucket over HTTP that is honest, lies or refuses. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { payloadText } from '../payloads.ts'
import { type StrictS3, startS3 } from '../s3/server.ts'

const main = inject('cli')
const release = ['--channel', 'stable', '--version', '1.0.0', '--board', 'amd64-usr']
let folder = ''
let s3: StrictS3
let pin = ''

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'platte-doctor-'))
  writeFileSync(join(folder, 'os_update.gz'), payloadText('one'))
  s3 = await startS3({ pageSize: 1000 })
})
afterEach(async () => {
  await s3.close()
  rmSync(folder, { recursive: true })
})

async function platte(...args: string[]) {
  const env = {
    PATH: process.env.PATH,
    AWS_EC2_METADATA_DISABLED: 'true',
    ...{ PLATTE_STORE: s3.setting, PLATTE_ROOT: pin, PLATTE_KEYS: 'keys', PLATTE_APP: 'example.app' },
    ...s3.env,
  }
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  const [code] = await once(child, 'close')
  return { code, ...texts }
}

/** As stores do that never heard of conditions: they write, and say that it went well. */
function ignoreConditions(): void {
  s3.fault = ({ operation, headers }) => {
    if (operation === 'GetObject') return undefined
    delete headers['if-match']
    delete headers['if-none-match']
    return undefined
  }
}

/** Makes the store, and forgets what that asked of it. */
async function init(): Promise<void> {
  pin = ''
  const { stdout } = await platte('init')
  pin = /PLATTE_ROOT=(\S+)/.exec(stdout)?.[1] ?? ''
  s3.seen.length = 0
}

const keys = (): string[] => [...s3.bucket.objects.keys()]

describe('an honest bucket', () => {
  test('is fit for channels, and is left unchanged', async () => {
    const { code, stdout, stderr } = await platte('doctor')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.pop()).toBe('this store can hold channels')
    expect(lines.filter((line) => !line.startsWith('ok      '))).toEqual([])
    expect(s3.seen.length).toBeLessThan(400)
    expect(keys()).toEqual([])
    expect(s3.bucket.uploads.size).toBe(0)
  })

  test('costs 10 more requests for a publish, and none that writes for a dry run', async () => {
    await init()
    expect(await platte('publish', 'os_update.gz', ...release, '--create', '--dry-run')).toMatchObject({ code: 0 })
    expect(s3.seen.filter(({ operation }) => !/^(Get|Head)/.test(operation))).toEqual([])
    expect(await platte('publish', 'os_update.gz', ...release, '--create')).toMatchObject({ code: 0, stderr: '' })
    expect(s3.seen.filter(({ key }) => key.startsWith('here/doctor/'))).toHaveLength(10)
    expect(keys().filter((key) => key.includes('doctor'))).toEqual([])
  })
})

describe('with the timestamp key alone', () => {
  test('hold needs write access to the catalog only; editing a channel tests the store first', async () => {
    await init()
    await platte('publish', 'os_update.gz', ...release, '--create')
    s3.seen.length = 0
    const hold = ['hold', '1.0.0', '--channel', 'stable', '--reason', 'boot loop']
    const alone = ['--keys', 'none', '--timestamp-key', 'keys/timestamp.jwk']
    mkdirSync(join(folder, 'none'))
    expect(await platte(...hold, ...alone)).toMatchObject({ code: 0, stderr: '' })
    const written = s3.seen.filter(({ operation }) => !/^(Get|Head|List)/.test(operation))
    expect(written.map(({ key }) => key)).toEqual(['here/catalog.jws'])
    expect(await platte('floor', '1.0.0', '--channel', 'stable', '--reason', 'x')).toMatchObject({ code: 0 })
    expect(s3.seen.filter(({ key }) => key.startsWith('here/doctor/'))).toHaveLength(10)
  })
})

describe('a bucket that ignores conditions', () => {
  test('is not fit for channels: failed checks are printed, and nothing is left behind', async () => {
    ignoreConditions()
    const { code, stdout, stderr } = await platte('doctor')
    expect(code).toBe(5)
    const failed = [...stdout.matchAll(/^FAILED {2}(.*)\n {8}(.*)\n {8}so (.*)$/gm)]
    expect(failed.map(([, check]) => check)).toEqual([
      'create with equal bytes is same',
      'create with other bytes is taken and changes nothing',
      'swap with a stale token is a conflict and changes nothing',
      'swap of a missing document is a conflict and creates none',
      'of 8 racing creates exactly one wins',
      'of 8 racing swaps exactly one wins',
    ])
    expect(failed[1]?.[2]).toBe('a second create, of other bytes: got "created", want "taken"')
    expect(stdout).toMatch(/\nthis store cannot hold channels: .*\n$/)
    expect(stderr).toMatch(/^error: 6 of 17 checks failed\nhint: /)
    expect(keys()).toEqual([])
  })

  test('prints the same as JSON', async () => {
    ignoreConditions()
    const { code, stdout } = await platte('doctor', '--json')
    expect(code).toBe(5)
    const { verdict, findings, left } = JSON.parse(stdout)
    expect({ verdict, left }).toEqual({ verdict: 'unfit', left: { keys: [] } })
    expect(findings).toContainEqual({
      check: 'swap of a missing document is a conflict and creates none',
      outcome: 'broken',
      problem: 'a swap of a missing document: got "ok", want "conflict"',
      otherwise: expect.any(String),
    })
  })

  test('is refused by init: no key, no root, no catalog', async () => {
    ignoreConditions()
    pin = ''
    const { code, stdout, stderr } = await platte('init')
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(/^error: this store is not safe to publish to: .*\nhint: .*platte doctor/)
    expect(keys()).toEqual([])
    expect(readdirSync(folder)).toEqual(['os_update.gz'])
  })

  test('is refused by publish', async () => {
    await init()
    const before = new Map(s3.bucket.objects)
    ignoreConditions()
    const { code, stdout, stderr } = await platte('publish', 'os_update.gz', ...release, '--create')
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(/^error: this store is not safe to publish to: .*\nhint: .*platte doctor/)
    expect(s3.bucket.objects).toEqual(before)
    expect(s3.seen.filter(({ key }) => !key.startsWith('here/doctor/'))).toEqual([])
  })
})

describe('a bucket that refuses this identity', () => {
  test.each([
    ['s3:ListBucket', 's3:ListBucket (without the latter, S3 answers 403 for missing keys)'],
    ['s3:PutObject', 'need s3:PutObject'],
  ])('%s: is inconclusive, is refused by publish, and the permission is named', async (permission, words) => {
    await init()
    const before = new Map(s3.bucket.objects)
    s3.denied.add(permission)
    const doctor = await platte('doctor')
    expect(doctor).toMatchObject({ code: 4, stderr: expect.stringContaining(words) })
    expect(doctor.stdout).toMatch(/\ninconclusive: the store .*\n$/)
    const publish = await platte('publish', 'os_update.gz', ...release, '--create')
    expect(publish).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining(words) })
    expect(publish.stderr).toMatch(/\nhint: .*checks write under doctor\//)
    expect(s3.bucket.objects).toEqual(before)
  })

  test('s3:DeleteObject: is fit for channels, and objects left behind are listed', async () => {
    await init()
    s3.denied.add('s3:DeleteObject')
    const doctor = await platte('doctor')
    expect(doctor.code).toBe(0)
    expect(doctor.stdout).toMatch(/^spared {2}a removed package is absent/m)
    const stay = /^warning: \d+ scratch objects stay, remove (doctor\/\w+\/) yourself: .*s3:DeleteObject/.exec(
      doctor.stderr,
    )
    expect(keys().filter((key) => key.startsWith('here/doctor/'))).toSatisfy(
      (left: string[]) => left.length > 0 && left.every((key) => key.startsWith(`here/${stay?.[1]}`)),
    )
    const publish = await platte('publish', 'os_update.gz', ...release, '--create')
    expect(publish).toMatchObject({ code: 0, stderr: expect.stringMatching(/^warning: .*doctor\/.*s3:DeleteObject/) })
  })
})

test('a bucket that does not answer is inconclusive', async () => {
  s3.fault = () => 'error'
  const { code, stdout, stderr } = await platte('doctor')
  expect(code).toBe(1)
  expect(stdout).toMatch(/^unknown a key that was never written is absent\n.*\ninconclusive: the store .*\n$/)
  expect(stderr).toContain('PLATTE_STORE')
})
