/** `POST /v1/apply` of a real server, called by hand and by the command line of a pipeline. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { channelEntry, loadForWriting } from '../../src/catalog/read.ts'
import { type Publisher, publish } from '../../src/channels/publish.ts'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { holdRelease } from '../changes.ts'
import { atTerminal } from '../cli/at-terminal.ts'
import { policyFor, startIssuer } from '../publish/issuer.ts'
import { emptyStore } from '../publish/store.ts'
import { app, orderOf } from '../world.ts'
import { fileOf } from './scene.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-apply-'))
const issuer = await startIssuer()
let server: Awaited<ReturnType<typeof startServer>>
let pin = ''
let writer: Publisher
beforeAll(async () => {
  const { documents, packages } = await openStore({ kind: 'file', dir })
  const { publisher, env } = await emptyStore(issuer, documents, packages)
  writer = publisher
  for (const version of ['1', '2']) await publish(publisher, orderOf(version))
  await publish(publisher, orderOf('1', { channel: 'alpha' }))
  const policy = policyFor(issuer, { actions: ['apply'] })
  const whole = { ...policy.rules[0], id: 'whole', allow: [`${app}/*`], provenance: false }
  const claims = { ...policy.rules[0]?.claims, environment: 'everything' }
  const rules = [...policy.rules, { ...whole, claims }]
  pin = env.PLATTE_ROOT ?? ''
  const more = {
    PLATTE_PUBLISH_POLICY: JSON.stringify({ v: 1, ...policy, rules }),
    PLATTE_STORE: `file:${dir}`,
    PORT: '0',
  }
  server = await startServer(readSettings({ ...env, ...more }, ['store', 'pin']), publisher)
})
afterAll(async () => {
  await server.stop()
  issuer.close()
  rmSync(dir, { recursive: true })
})

async function post(body: object | string, token?: string) {
  const authorization = `Bearer ${token ?? (await issuer.token())}`
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`${server.url}/v1/apply`, { method: 'POST', body: text, headers: { authorization } })
  const json = (await answer.json()) as Record<string, unknown>
  return { status: answer.status, text: String(json.detail), json }
}

const told = async (track: string): Promise<string> => {
  const body = `<request protocol="3.0"><app appid="{${app}}" version="1" track="${track}" board="amd64-usr"><updatecheck/></app></request>`
  return (await fetch(`${server.url}/v1/update/`, { method: 'POST', body })).text()
}

describe('over HTTP', () => {
  const config = fileOf({ stable: { holds: { 2: 'boot loop' } }, staging: { follow: { channel: 'stable' } } })

  test('a plan writes nothing; applied, it is live at once, and the token is used up', async () => {
    const dry = await post({ config, dryRun: true })
    expect(dry).toMatchObject({ status: 200, json: { kind: 'dry-run', rule: 'os-stable' } })
    expect(await told('stable')).toContain('<manifest version="2">')
    const token = await issuer.token()
    const first = await post({ config }, token)
    expect(first).toMatchObject({ status: 200, json: { kind: 'changed', inForce: true, rule: 'os-stable' } })
    expect(await told('stable')).toContain('held: boot loop')
    expect(await post({ config }, token)).toEqual(first)
    expect(await post({ config: fileOf({ stable: {} }) }, token)).toMatchObject({ status: 409 })
    expect(await post({ config })).toMatchObject({ json: { kind: 'unchanged', channels: [] } })
  })

  test('the manifest names the pipeline', async () => {
    const envelope = (await (await fetch(`${server.url}/apps/${app}/staging/0000000001.jws`)).json()) as {
      payload: string
    }
    const manifest = JSON.parse(Buffer.from(envelope.payload, 'base64url').toString())
    expect(manifest.provenance).toMatchObject({ repository: 'octocat/os', run: '77' })
  })

  test.each<[string, object | string, number, RegExp]>([
    [
      'a channel that the rule lacks',
      { config: fileOf({ alpha: {} }) },
      403,
      /apply in .*\/alpha: rule os-stable: is for/,
    ],
    ['a name that the rule lacks', { config: fileOf({ stable: { aliases: ['lts'] } }) }, 403, /not .*\/lts/],
    ['the name of an app', { config: fileOf({ stable: {} }, { name: 'x' }) }, 403, /not .*\/\*/],
    ['pruning', { config: fileOf({ stable: {} }), prune: true }, 403, /alpha is not in the file|not .*\/\*/],
    ['no JSON', '{', 400, /must be a JSON object/],
    ['no file', {}, 400, /the file: is missing/],
    [
      'an unknown member',
      { config: fileOf({ stable: { descripton: 'x' } }) },
      400,
      /stable\.descripton: unknown member; did you mean description/,
    ],
    [
      'a plan that nobody made',
      { config: fileOf({ stable: {} }), plan: 'x' },
      400,
      /plan must be what a plan answered/,
    ],
    ['an unknown field', { config: fileOf({ stable: {} }), force: true }, 400, /force: unknown/],
    [
      'a version that is not there',
      { config: fileOf({ stable: { floors: { 9: 'x' } } }) },
      403,
      /floors\.9: there is no such release/,
    ],
  ])('refused: %s', async (_, body, status, words) => {
    const refused = await post(body)
    expect([refused.status, refused.text]).toEqual([status, expect.stringMatching(words)])
  })

  test('refused: no token, another method', async () => {
    expect((await fetch(`${server.url}/v1/apply`, { method: 'POST', body: '{}' })).status).toBe(401)
    expect((await fetch(`${server.url}/v1/apply`)).status).toBe(405)
  })

  test('a rule for the whole app takes names and pruning', async () => {
    const token = await issuer.token({ environment: 'everything' })
    const file = fileOf({ alpha: {}, stable: { aliases: ['lts'] } }, { name: 'Flatcar' })
    expect(await post({ config: file, prune: true }, token)).toMatchObject({ json: { kind: 'changed', rule: 'whole' } })
    expect(await told('lts')).toContain('<manifest version="2">')
    expect(await told('staging')).not.toContain('<manifest')
  })
})

const platte = (args: readonly string[], token: string) =>
  new Promise<{ code: number; text: string }>((done) => {
    execFile(process.execPath, [inject('cli'), ...args], { env: jobOf(token) }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code) : 0, text: stdout + stderr }),
    )
  })
const jobOf = (token: string) => ({
  ...{ PATH: process.env.PATH, PLATTE_ENDPOINT: server.url, PLATTE_ID_TOKEN: token },
  PLATTE_AUDIENCE: 'https://updates.example.org',
})

describe('a hold that is placed after the plan', () => {
  const file = join(dir, 'lift.toml')
  const lift = fileOf({ stable: { description: 'lifted', holds: { 2: false } } })
  const ref = { app, channel: 'stable' }
  const isHeld = async () => {
    const { holds = [] } = channelEntry((await loadForWriting(writer)).catalog.catalog, app, 'stable') ?? {}
    return holds.some(({ reason }) => reason === 'boot loop')
  }
  const reach = 'stable: 2 goes from 0 % to 100 % of machines at once'

  test('is not lifted by that plan, whose token goes on', async () => {
    await holdRelease(writer, ref, { version: '1', reason: 'another' })
    const token = await issuer.token()
    const { json } = await post({ config: lift, dryRun: true }, token)
    expect(json).not.toHaveProperty('reach')
    await holdRelease(writer, ref, { version: '2', reason: 'boot loop' })
    const late = await post({ config: lift, plan: json.plan }, token)
    expect(late).toMatchObject({ status: 409, text: expect.stringContaining('is no longer what you confirmed') })
    expect(await isHeld()).toBe(true)
    const seen = await post({ config: lift, dryRun: true }, token)
    expect(seen.json).toMatchObject({ reach: [reach] })
    expect(await post({ config: lift, plan: seen.json.plan }, token)).toMatchObject({ json: { kind: 'changed' } })
    expect(await isHeld()).toBe(false)
  })

  test('is a question of its own', { timeout: 60_000 }, async () => {
    writeFileSync(file, `[apps.${app}.channels.stable]\nholds = { "1" = false, "2" = false }\n`)
    const run = async (answers: readonly (string | (() => Promise<string>))[]) =>
      atTerminal(inject('cli'), { words: `apply ${file}`, cwd: dir, env: jobOf(await issuer.token()) }, answers)
    await holdRelease(writer, ref, { version: '1', reason: 'another' })
    await holdRelease(writer, ref, { version: '2', board: 'amd64-usr', reason: 'first' })
    const meanwhile = async () => {
      await holdRelease(writer, ref, { version: '2', reason: 'boot loop' })
      return 'y\r'
    }
    const first = await run([meanwhile, 'n\r'])
    expect([first.code, first.shown]).toEqual([3, expect.stringContaining('what you confirmed')])
    expect(first.shown.split('- hold of 2: boot loop')).toHaveLength(2)
    expect(await isHeld()).toBe(true)
    expect(await run(['y\r'])).toMatchObject({ code: 0, shown: expect.stringContaining('1 channel changed') })
    expect(await isHeld()).toBe(false)
  })
})

test('the command line sends the file with the identity of its job', async () => {
  const file = join(dir, 'channels.toml')
  const key = `[apps.${app}.channels.stable]\ndescription = "from a pipeline"\n`
  writeFileSync(file, key)
  const dry = await platte(['apply', file, '--dry-run'], await issuer.token())
  expect(dry).toEqual({ code: 0, text: expect.stringContaining('1 channel would change. Nothing written.') })
  const done = await platte(['apply', file], await issuer.token())
  expect(done).toEqual({ code: 0, text: expect.stringContaining('1 channel changed. Live within 1 minute.') })
  writeFileSync(file, `${key}aliases = ["other"]\n`)
  expect(await platte(['apply', file], await issuer.token())).toEqual({
    code: 3,
    text: expect.stringContaining('/other'),
  })
  writeFileSync(file, `${key}floors = { "9" = "x" }\n`)
  const wrong = await platte(['apply', file], await issuer.token())
  expect(wrong).toEqual({ code: 3, text: expect.stringContaining('channels.toml line 3: apps.') })
  const { code, text } = await platte(['diff', file, '--store', server.url, '--root', pin, '--detailed-exitcode'], '')
  expect([code, text]).toEqual([1, expect.stringContaining('there is no such release')])
  writeFileSync(file, '')
  const empty = await platte(['diff', file, '--store', server.url, '--root', pin], '')
  expect(empty).toEqual({ code: 2, text: expect.stringContaining('channels.toml: apps: is missing') })
})
