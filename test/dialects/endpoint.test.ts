/** Browsers, extensions and desktop software at the endpoint: each gets its answer in its own dialect, by the rules of machines. */
import { beforeEach, describe, expect, test } from 'vitest'
import { isoText } from '../../src/kernel/format.ts'
import { holdRelease } from '../changes.ts'
import { newStore, publishOne, sourceOf } from '../world.ts'
import { browser, check4, check31, extension, gupdateApp, gupdateQuery, pingBack4, pingBack31 } from './samples.ts'
import { publicUrl, serveDialects } from './server.ts'

const store = await newStore()
const crx = (version: string) => sourceOf('extension.crx', `Cr24 ${version}`)
const publishCrx = (version: string, more: object = {}) =>
  publishOne(store, version, { app: extension, board: 'any', sources: [crx(version)], raw: true, ...more })
await publishCrx('2.0')
await publishCrx('3.0', { channel: 'beta' })
const browserApp = browser.slice(1, -1)
for (const board of ['win-x64', 'linux-x64'])
  await publishOne(store, '156.0.8078.79', {
    app: browserApp,
    board,
    sources: [sourceOf(`${board}.exe`, `MZ ${board}`)],
  })
const server = serveDialects(store)
const { ask, post, get, contacts } = server
beforeEach(() => void contacts.splice(0))

const url = new RegExp(`^${publicUrl}/packages/${extension}/2.0/any/[0-9a-f]{32}/extension.crx$`)
const hash = expect.stringMatching(/^[0-9a-f]{64}$/)

describe('JSON 4.0', () => {
  test('an update is a download, then a CRX', async () => {
    const { protocol, daystart, apps, ...more } = await ask(check4())
    expect([protocol, more]).toEqual(['4.0', { server: 'platte' }])
    expect(daystart.elapsed_days).toBe(Math.floor((store.time.now - Date.UTC(2007, 0, 1)) / 86_400_000))
    const [download, unpack] = apps[0].updatecheck.pipelines[0].operations
    expect(apps).toEqual([
      {
        ...{ appid: extension, status: 'ok', cohort: expect.stringMatching(/^:\d{4}$/) },
        updatecheck: {
          ...{ status: 'ok', nextversion: '2.0' },
          pipelines: [{ pipeline_id: 'full', operations: [expect.anything(), expect.anything()] }],
        },
      },
    ])
    const size = 'Cr24 2.0'.length
    expect(download).toEqual({
      type: 'download',
      urls: [{ url: expect.stringMatching(url) }],
      size,
      out: { sha256: hash },
    })
    expect(unpack).toEqual({ type: 'crx3', in: { sha256: download.out.sha256 } })
    const file = await get(new URL(download.urls[0].url).pathname)
    expect(await file.text()).toBe('Cr24 2.0')
  })

  test('nothing newer', async () => {
    const { apps } = await ask(check4({ version: '2.0' }))
    expect(apps[0].updatecheck).toEqual({ status: 'noupdate', info: 'up-to-date' })
  })

  test('a client that cannot unpack a CRX gets no package', async () => {
    const { apps } = await ask(check4({}, { acceptformat: 'download,xz' }))
    expect(apps[0].updatecheck).toEqual({
      status: 'error-inexpressible',
      info: '2.0 needs crx3, which this client cannot do',
    })
  })

  test('events are acknowledged, and reach the log', async () => {
    const { apps } = await ask(pingBack4)
    const ok = { status: 'ok' }
    expect(apps).toEqual([{ appid: extension, status: 'ok', events: [ok, ok, ok] }])
    expect(contacts).toEqual([
      expect.objectContaining({
        ...{ app: extension, channel: 'stable', version: '2.0', board: 'linux-x64', machine: '' },
        reported: [
          { type: 14, result: 1 },
          { type: 63, result: 0, error: 'category 2 code 2 extra 8' },
          { type: 3, result: 1, previous: '1.0' },
        ],
      }),
    ])
  })
})

describe('JSON 3.1', () => {
  test('an update is a manifest with URLs', async () => {
    const { protocol, app } = await ask(check31())
    expect(protocol).toBe('3.1')
    const [{ updatecheck, ...more }] = app
    expect(more).toEqual({
      ...{ appid: browser, status: 'ok' },
      data: [{ name: 'install', index: 'verboselogging', status: 'error-nodata' }],
    })
    const sha256 = updatecheck.manifest.packages.package[0].hash_sha256
    const set = expect.stringMatching(`^${publicUrl}/packages/${browserApp}/156.0.8078.79/linux-x64/[0-9a-f]{32}/$`)
    expect(updatecheck).toEqual({
      ...{ status: 'ok', urls: { url: [{ codebase: set }] } },
      manifest: {
        version: '156.0.8078.79',
        packages: {
          package: [{ name: 'linux-x64.exe', size: 12, hash_sha256: hash, fp: `1.${sha256}`, required: true }],
        },
      },
    })
  })

  test('events are acknowledged under their old name', async () => {
    const { app } = await ask(pingBack31)
    expect(app).toEqual([{ appid: browser, status: 'ok', event: [{ status: 'ok' }] }])
  })

  test('a brand is an OEM, an iid a machine', async () => {
    await ask(check31())
    const iid = '{c1b1d6a0-3f35-4f0a-9d2f-2c8c4b5f1e10}'
    expect(contacts).toEqual([expect.objectContaining({ oem: 'GGLS', machine: iid, offered: '156.0.8078.79' })])
  })
})

describe('gupdate 2.0', () => {
  const path = '/service/update2/crx'

  test('an update is one element', async () => {
    const answer = await get(
      path + gupdateQuery([gupdateApp(), gupdateApp('2.0'), 'id=unknown&v=1&uc', 'v=1', `id=${extension}`]),
    )
    expect(answer.headers.get('content-type')).toBe('text/xml; charset=utf-8')
    const text = (await answer.text())
      .replace(/"[0-9a-f]{64}"/, '"HASH"')
      .replace(/any\/[0-9a-f]{32}/, 'any/SET')
      .replace(/elapsed_days="\d+"/, '')
    expect(text).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<gupdate xmlns="http://www.google.com/update2/response" protocol="2.0" server="platte"><daystart />\
<app appid="${extension}" status="ok"><updatecheck status="ok" codebase="${publicUrl}/packages/${extension}/2.0/any/SET/extension.crx" version="2.0" hash_sha256="HASH" size="8"/></app>\
<app appid="${extension}" status="ok"><updatecheck status="noupdate" info="up-to-date"/></app>\
<app appid="unknown" status="error-unknownApplication"></app>\
<app appid="" status="error-unknownApplication"></app>\
<app appid="${extension}" status="ok"></app></gupdate>`)
  })

  test.each([
    ['/v1/update/', '', '2.0'],
    [path, 'channel=beta&', '3.0'],
  ])('at %s, with a channel in the URL: "%s"', async (at, channel, version) => {
    const answer = await get(at + gupdateQuery([gupdateApp()], channel))
    expect(await answer.text()).toContain(` version="${version}"`)
  })

  test('without extensions it is a page for people at one path, an empty answer at the other', async () => {
    expect(await (await get('/v1/update/')).text()).toContain('This is an Omaha update endpoint')
    expect(await (await get(path)).text()).toContain('</gupdate>')
    const posted = await post('', path)
    expect([posted.status, await posted.text()]).toEqual([405, 'error: use GET, HEAD here\n'])
  })
})

describe('which board', () => {
  test.each([
    ['an extension on Windows', check4({}, { '@os': 'win', os: { arch: 'x86_64' } }), '2.0'],
    ['an extension somewhere', check4({}, { '@os': 'plan9', os: {}, arch: '' }), '2.0'],
  ])('%s', async (_, body, version) => {
    expect((await ask(body)).apps[0].updatecheck.nextversion).toBe(version)
  })

  test.each([
    [
      'a 32-bit process on Windows',
      { '@os': 'win', arch: 'x86', os: { arch: 'x86_64', platform: 'Windows' } },
      'win-x64',
    ],
    ['Windows by its platform', { '@os': '', os: { arch: 'AMD64', platform: 'Windows' } }, 'win-x64'],
    ['Linux', {}, 'linux-x64'],
    ['a Mac has no package', { '@os': 'mac', os: { arch: 'arm64', platform: 'Mac OS X' } }, undefined],
  ])('%s', async (_, request, board) => {
    const { updatecheck } = (await ask(check31({}, request))).app[0]
    if (board) expect(updatecheck.manifest.packages.package[0].name).toBe(`${board}.exe`)
    else expect(updatecheck).toEqual({ status: 'noupdate', info: 'no-release-for-board' })
  })

  test('explain chooses it in the same way', async () => {
    const asked = `/v1/explain?app=${extension}&channel=stable&version=1&board=`
    for (const board of ['linux-x64', 'any'])
      expect(await (await get(asked + board)).json()).toMatchObject({ offered: '2.0' })
    expect(await (await get(`${asked}amd64-usr`)).json()).toMatchObject({ reason: 'no-release-for-board' })
  })
})

describe('which channel', () => {
  test.each([
    ['none', {}, '2.0'],
    ['the policy', { release_channel: 'beta', ap: 'stable' }, '3.0'],
    ['the installer', { ap: 'beta' }, '3.0'],
    ['the hint', { cohorthint: 'beta' }, '3.0'],
    ['a cohort', { cohort: 'beta' }, '3.0'],
    ['a cohort with its place', { cohort: 'beta:0007' }, '3.0'],
    ['a cohort of another server', { cohort: '1:9co:' }, '2.0'],
  ])('%s', async (_, app, version) => {
    expect((await ask(check4(app))).apps[0].updatecheck.nextversion).toBe(version)
  })

  test('one that is not there', async () => {
    const { apps } = await ask(check4({ release_channel: 'canary' }))
    expect(apps[0].updatecheck).toEqual({ status: 'noupdate', info: 'unknown-channel' })
  })
})

describe('what the client restricts', () => {
  test.each([
    ['updates are disabled', { updatedisabled: true }, 'update-disabled'],
    ['a prefix', { targetversionprefix: '1.' }, 'version-prefix'],
  ])('%s', async (_, updatecheck, info) => {
    expect((await ask(check4({ updatecheck }))).apps[0].updatecheck).toEqual({ status: 'noupdate', info })
  })
})

describe('one bad app', () => {
  const bad = [7, null, [], {}, { appid: 9 }, { appid: 'unknown', updatecheck: {} }, { appid: extension, version: [] }]
  test('does not spoil the others', async () => {
    const { request } = check4()
    const { apps } = await ask({ request: { ...request, apps: [...bad, ...request.apps] } })
    const unknown = 'error-unknownApplication'
    expect(apps.map(({ status }: { status: string }) => status)).toEqual([
      ...[unknown, unknown, unknown, unknown, unknown, unknown, 'ok', 'ok'],
    ])
    expect(apps.at(-1).updatecheck.nextversion).toBe('2.0')
  })

  test.each([
    ['an event whose type is no number', { events: [{ eventtype: { toString: 1, valueOf: 1 } }, { eventtype: 3 }] }, 1],
    ['too many events', { events: Array(65).fill({ eventtype: 3 }) }, 64],
    ['too much data', { data: Array(17).fill({ name: 'untrusted' }) }, 0],
    ['too many cached items', { cached_items: Array(65).fill({}) }, 0],
  ])('has %s', async (_, more, acknowledged) => {
    const { request } = check4()
    const { apps } = await ask({ request: { ...request, apps: [{ appid: extension, ...more }, ...request.apps] } })
    expect([apps[0].events?.length ?? 0, apps[1].updatecheck.nextversion]).toEqual([acknowledged, '2.0'])
  })

  test('is an invalid id in 3.1', async () => {
    const { app } = await ask({ request: { protocol: '3.1', app: [{}] } })
    expect(app).toEqual([{ appid: '', status: 'error-invalidAppId' }])
  })
})

describe('paths', () => {
  test.each(['/v1/update', '/v1/update/', '/omaha', '/omaha/', '/omaha/json', '/service/update2/json'])(
    '%s',
    async (path) => {
      const body = JSON.stringify(check4())
      for (const text of [body, `\n ${body}`]) {
        const answer = await post(text, path)
        expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
        expect(await answer.text()).toContain('"nextversion":"2.0"')
      }
    },
  )

  test('XML is XML at all of them', async () => {
    const answer = await post('<request protocol="3.0"></request>', '/service/update2/json')
    expect(await answer.text()).toContain('<response protocol="3.0"')
  })
})

describe('refused', () => {
  test.each([
    ['{', 400, 'the body is not JSON with an object "request"'],
    ['{"request":[]}', 400, 'the body is not JSON with an object "request"'],
    ['{"request":{"protocol":"5.0"}}', 400, '"request" is of Omaha protocol "5.0"; this endpoint speaks 3.x and 4.x'],
  ])('%s', async (body, status, detail) => {
    const answer = await post(body)
    expect([answer.status, await answer.text()]).toEqual([status, `error: ${detail}\n`])
    expect(contacts).toEqual([expect.objectContaining({ refused: 'bad-request' })])
  })
})

describe('ramps', async () => {
  const ramping = await newStore()
  const step = (hours: number, share: number) => ({ at: isoText(ramping.time.now + hours * 3_600_000), share })
  const ramp = { ramp: [step(0, 0), step(2, 1)] }
  await publishOne(ramping, '1.0', { app: extension, board: 'any', sources: [crx('1.0')], raw: true })
  await publishOne(ramping, '2.0', { app: extension, board: 'any', sources: [crx('2.0')], raw: true, ...ramp })
  const { ask } = serveDialects(ramping)
  const offered = async (cohort: string) => (await ask(check4({ cohort }))).apps[0].updatecheck.status === 'ok'

  test('a cohort is assigned once, and has one place', async () => {
    const cohorts = await Promise.all(
      Array.from({ length: 200 }, async () => (await ask(check4())).apps[0].cohort as string),
    )
    expect(new Set(cohorts).size).toBeGreaterThan(150)
    expect((await ask(check4({ cohort: cohorts[0] }))).apps[0].cohort).toBeUndefined()
    ramping.time.now += 3_600_000
    const now = await Promise.all(cohorts.map(offered))
    const share = now.filter((one) => one).length / 200
    expect(share).toBeGreaterThan(0.35)
    expect(share).toBeLessThan(0.65)
    expect(await Promise.all(cohorts.map(offered))).toEqual(now)
  })

  test('a person who asks comes first', async () => {
    const asked = Array.from({ length: 20 }, (_, i) => check4({ cohort: `:00${10 + i}`, installsource: 'ondemand' }))
    const answers = await Promise.all(asked.map((body) => ask(body)))
    expect(answers.every(({ apps }) => apps[0].updatecheck.nextversion === '2.0')).toBe(true)
  })

  test('what is held is offered to nobody', async () => {
    await holdRelease(ramping.publisher, { app: extension, channel: 'stable' }, { version: '2.0', reason: 'crashes' })
    ramping.time.now += 60_000
    const { apps } = await ask(check4({ installsource: 'ondemand' }))
    expect(apps[0].updatecheck).toEqual({ status: 'noupdate', info: 'held: crashes' })
  })
})
