/** A pipeline from its token to what machines are told, over HTTP: the same on every runtime. */
import { beforeAll, describe, expect, test } from 'vitest'
import { maxChannelBytes } from '../../src/documents/channel.ts'
import { payloadText } from '../payloads.ts'
import { announced } from '../uploads/scene.ts'
import { app } from '../world.ts'
import type { TestIssuer } from './issuer.ts'

/** A publish function somewhere. */
export interface Target {
  /** Of the endpoint, without a "/" at the end. */
  readonly fetch: (path: string, init: RequestInit) => Promise<Response>
  readonly issuer: TestIssuer
}

const bytes = new TextEncoder().encode(payloadText('version 2'))
const file = announced({ name: 'update.gz', bytes })
const release = { app, channel: 'stable', version: '2', board: 'amd64-usr' }
const check = (version: string, track = 'stable') =>
  `<request protocol="3.0"><app appid="{${app}}" version="${version}" track="${track}" board="amd64-usr"><updatecheck/></app></request>`

/** @param name of the runtime. */
export function flowSuite(name: string, open: () => Target): void {
  let target: Target
  const post = async (path: string, said: object | string, token?: string) => {
    const body = typeof said === 'string' ? said : JSON.stringify(said)
    const authorization = `Bearer ${token ?? (await target.issuer.token())}`
    const response = await target.fetch(path, { method: 'POST', body, headers: { authorization } })
    const json = JSON.parse(await response.text())
    const { detail, hint = '' } = json
    return { status: response.status, text: `${detail} ${hint}`, json }
  }
  const told = async (version: string, track?: string) =>
    (await target.fetch('/v1/update/', { method: 'POST', body: check(version, track) })).text()

  describe(`a pipeline, ${name}`, () => {
    beforeAll(() => {
      target = open()
    })

    test('packages that were not uploaded cannot be published', async () => {
      const { status, text } = await post('/v1/publish', { ...release, packages: [file], create: true })
      expect([status, text]).toEqual([403, expect.stringContaining('upload it')])
    })

    test('token, uploads, publish: machines get the offer at once', async () => {
      const opened = await post('/v1/uploads', { ...release, packages: [file] })
      expect(opened.status).toBe(200)
      const [upload] = opened.json.packages
      expect(upload).toMatchObject({ name: 'update.gz', kind: 'missing' })
      for (const { url } of upload.parts) {
        const to = (path: string) => (path.startsWith('/') ? target.fetch(path, put) : fetch(path, put))
        const put = { method: 'PUT', body: bytes, headers: { 'content-length': String(bytes.length) } }
        expect((await to(url)).status).toBe(200)
      }
      const completed = await target.fetch(`/v1/uploads/${upload.id}/complete`, { method: 'POST' })
      expect(await completed.json()).toMatchObject({ size: bytes.length, sha256: file.sha256, sha1: file.sha1 })

      const token = await target.issuer.token()
      const body = JSON.stringify({ ...release, packages: [file], create: true })
      const first = await post('/v1/publish', body, token)
      expect(first.json).toMatchObject({ kind: 'published', seq: 1, offered: true, rule: 'os-stable' })
      expect(await told('1')).toContain('<manifest version="2">')

      const again = await post('/v1/publish', body, token)
      expect(again).toEqual(first)
      const other = await post('/v1/publish', { ...release, version: '3', packages: [file] }, token)
      expect([other.status, other.text]).toEqual([409, expect.stringContaining('used for another request')])
      const rerun = await post('/v1/publish', body)
      expect(rerun.json).toMatchObject({ kind: 'unchanged', seq: 1 })
    })

    test('the answer has the key of the manifest, and the manifest its provenance', async () => {
      const { json } = await post('/v1/publish', { ...release, packages: [file] })
      const envelope = (await (await target.fetch(json.manifest, {})).json()) as { payload: string }
      const manifest = JSON.parse(Buffer.from(envelope.payload, 'base64url').toString())
      expect(manifest.provenance).toMatchObject({ issuer: target.issuer.url, repository: 'octocat/os', run: '77' })
    })

    test('edits are in force at once', async () => {
      const ref = { app, channel: 'staging' }
      const tried = await post('/v1/promote', { ...ref, version: '2', from: 'stable', dryRun: true })
      expect(tried.text).toContain('has no channel')
      expect((await post('/v1/channel-create', { ...ref, description: 'before stable' })).json.kind).toBe('changed')
      const dry = await post('/v1/promote', { ...ref, version: '2', from: 'stable', dryRun: true })
      expect(dry.json).toMatchObject({ kind: 'dry-run', seq: 2 })
      expect((await post('/v1/promote', { ...ref, version: '2', from: 'stable' })).json).toMatchObject({ seq: 2 })
      expect(await told('1', 'staging')).toContain('<manifest version="2">')
      expect((await post('/v1/hold', { ...ref, version: '2', reason: 'boot loop' })).json.inForce).toBe(true)
      expect(await told('1', 'staging')).toContain('held: boot loop')
      expect((await post('/v1/unhold', { ...ref, version: '2' })).json.kind).toBe('changed')
    })

    test.each<readonly [string, string, object | string, number, RegExp]>([
      [
        'a rule that does not allow it',
        '/v1/prune',
        { app, channel: 'stable' },
        403,
        /rule os-stable: allows .*, not prune/,
      ],
      [
        'another channel',
        '/v1/withdraw',
        { ...release, channel: 'alpha', reason: 'x', board: undefined },
        403,
        /not .*\/alpha/,
      ],
      ['no JSON', '/v1/hold', '{', 400, /must be a JSON object/],
      ['a list', '/v1/hold', '[]', 400, /must be a JSON object/],
      [
        'an unknown field',
        '/v1/hold',
        { app, channel: 'stable', version: '2', reason: 'x', force: true },
        400,
        /hold: force/,
      ],
      [
        'a share of 1.5',
        '/v1/ramp',
        { app, channel: 'stable', version: '2', share: 1.5 },
        400,
        /ramp: share: must be 0 to 1/,
      ],
      [
        'a version that is not there',
        '/v1/ramp',
        { app, channel: 'stable', version: '9', over: 'PT2H' },
        403,
        /no release "9"/,
      ],
      [
        'an invalid manifest',
        '/v1/ramp',
        { app, channel: 'stable', version: '2', none: true, manifest: {} },
        400,
        /manifest/,
      ],
      ['too much', '/v1/hold', 'x'.repeat(maxChannelBytes + 1024 * 1024 + 1), 413, /more than/],
    ])('%s', async (_, path, said, status, words) => {
      const refused = await post(path, said)
      expect([refused.status, refused.text]).toEqual([status, expect.stringMatching(words)])
    })

    test.each(['/v1/publish', '/v1/hold', '/v1/uploads'])('%s: the token comes before the body', async (path) => {
      const none = { method: 'POST', body: '{' }
      expect((await target.fetch(path, none)).status).toBe(401)
      expect((await target.fetch(path, { ...none, headers: { 'content-encoding': 'gzip' } })).status).toBe(401)
      const long = 'x'.repeat(maxChannelBytes + 1024 * 1024 + 1)
      expect((await target.fetch(path, { ...none, body: long })).status).toBe(401)
      const forged = `${(await target.issuer.token()).slice(0, -20)}${'A'.repeat(20)}`
      expect((await post(path, '{', forged)).status).toBe(401)
      expect((await post(path, '{')).status).toBe(400)
    })

    test.each<readonly [string, object, RegExp]>([
      ['a ref that hides what it says', { ref: 'refs/heads/\u202enib' }, /claim ref has characters that hide/],
      ['a merge queue', { event_name: 'merge_group' }, /claim event_name is "merge_group"/],
      ['the ref of a pull request', { ref: 'refs/pull/7/merge' }, /not merged/],
    ])('a token of %s', async (_, claims, words) => {
      const hold = { app, channel: 'stable', version: '2', reason: 'x' }
      const { status, text } = await post('/v1/hold', hold, await target.issuer.token({ ...claims }))
      expect([status, text]).toEqual([403, expect.stringMatching(words)])
    })

    test('without a token every request is refused', async () => {
      for (const path of ['/v1/publish', '/v1/hold', '/v1/uploads']) {
        const body = JSON.stringify({ ...release, packages: [file], reason: 'x' })
        const said = path === '/v1/hold' ? JSON.stringify({ app, channel: 'stable', version: '2', reason: 'x' }) : body
        const { status } = await target.fetch(path, {
          method: 'POST',
          body: path === '/v1/hold' ? said : JSON.stringify({ ...release, packages: [file] }),
        })
        expect(status).toBe(401)
      }
      expect((await target.fetch('/v1/publish', { method: 'GET' })).status).toBe(405)
    })

    test('a refresh of one channel needs no token, and is rate limited', async () => {
      const path = `/v1/refresh?app=${app}&channel=stable`
      expect((await target.fetch(path, { method: 'POST' })).status).toBe(200)
      expect((await target.fetch(path, { method: 'POST' })).status).toBe(429)
      expect((await target.fetch('/v1/refresh', { method: 'POST' })).status).toBe(400)
    })
  })
}
