/** Servers that copy: the captured requests of Nebraska's syncer, and what CoreUpdate's own clients read. */

import { beforeEach, describe, expect, test } from 'vitest'
import { editRelease, markRelease } from '../../src/release/edits.ts'
import { editChannel } from '../changes.ts'
import { payloadText } from '../payloads.ts'
import { syncerBody } from '../protocol/samples.ts'
import { appOf } from '../served.ts'
import { hold } from '../service/scene.ts'
import { app, newStore, publishOne, sourceOf, type TestStore } from '../world.ts'

let store: TestStore
beforeEach(async () => {
  store = await newStore()
})

const serve = () => appOf(store.publisher)
const sync = async (name: 'syncer-legacy' | 'syncer-multi', channel = 'stable'): Promise<string> => {
  const body = syncerBody(name).replace('track="floored"', `track="${channel}"`)
  return (await serve().request('/v1/update/', { method: 'POST', body })).text()
}
const publish = (version: string) =>
  publishOne(store, version, { sources: [sourceOf('update.gz', `CrAU ${version}`), sourceOf('oem.gz', 'oem')] })
const setFloor = (version: string) =>
  editChannel(store.publisher, { app, channel: 'stable' }, (one) =>
    markRelease(one, version, { mark: 'floor', because: { reason: 'btrfs "step"' } }),
  )
const manifests = (answer: string): string[] =>
  [...answer.matchAll(/<manifest ([^>]*)>/g)].map(([, marks = '']) => marks)
const status = (answer: string): string => /<updatecheck ([^>]*?)\/?>/.exec(answer)?.[1] ?? answer

describe('a syncer of Nebraska', () => {
  test('without floors gets the newest release, marked as target', async () => {
    await publish('3000.0.0')
    await publish('4000.0.0')
    expect(manifests(await sync('syncer-multi'))).toEqual(['version="4000.0.0" is_target="true"'])
    expect(manifests(await sync('syncer-legacy'))).toEqual(['version="4000.0.0"'])
  })

  test('with floors gets the next one in two manifests with its own URL; a legacy syncer gets nothing', async () => {
    for (const version of ['2000.0.0', '3000.0.0', '3500.0.0', '4000.0.0']) await publish(version)
    for (const version of ['2000.0.0', '3000.0.0']) await setFloor(version)
    const answer = await sync('syncer-multi')
    const mark = 'version="3000.0.0" is_floor="true" floor_reason="btrfs &quot;step&quot;"'
    expect(manifests(answer)).toEqual([mark, `${mark} is_target="true"`])
    expect(answer.match(/<urls><url codebase="[^"]*\/3000\.0\.0\/amd64-usr\/[0-9a-f]{32}\/"\/><\/urls>/g)?.length).toBe(
      1,
    )
    expect(answer.match(/<package name="update\.gz" hash="[^"]{28}" hash_sha256="[0-9a-f]{64}"/g)?.length).toBe(2)
    expect(answer.match(/<action event="postinstall" sha256="[^"]{44}"/g)?.length).toBe(2)
    expect(status(await sync('syncer-legacy'))).toBe(
      'status="noupdate" _no_update_reason="floor-held: this syncer takes no floors"',
    )
  })

  test('gets a newest release that is a floor with its mark; a legacy syncer gets nothing', async () => {
    await publish('3000.0.0')
    await setFloor('3000.0.0')
    expect(manifests(await sync('syncer-multi'))).toHaveLength(2)
    expect(status(await sync('syncer-legacy'))).toMatch(/^status="noupdate" _no_update_reason="floor-held/)
  })

  test('stops before a held floor', async () => {
    for (const version of ['3000.0.0', '4000.0.0']) await publish(version)
    await setFloor('3000.0.0')
    await hold(store, '3000.0.0')
    expect(status(await sync('syncer-multi'))).toMatch(/^status="noupdate" _no_update_reason="floor-held/)
  })

  test('comes last in a ramp, with any id', async () => {
    await publish('3000.0.0')
    await publish('4000.0.0')
    await editChannel(store.publisher, { app, channel: 'stable' }, (one) =>
      editRelease(one, '4000.0.0', (release) => ({
        ...release,
        ramp: [{ at: '2020-01-01T00:00:00Z', share: 0.99 }],
      })),
    )
    const offered = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const body = syncerBody('syncer-multi').replace('"floored"', '"stable"').replace('"m21"', `"{machine-${i}}"`)
      const answer = await (await serve().request('/v1/update/', { method: 'POST', body })).text()
      offered.add(manifests(answer).join())
    }
    expect([...offered]).toEqual(['version="3000.0.0" is_target="true"'])
  })

  test('gets no release that has a target', async () => {
    await publish('3000.0.0')
    await editChannel(store.publisher, { app, channel: 'stable' }, (one) => ({
      ...one,
      target: { oem: { not: ['pxe'] } },
    }))
    expect(status(await sync('syncer-multi'))).toBe('status="noupdate" _no_update_reason="target"')
  })

  test('gets the usual answer for an unknown channel', async () => {
    expect(status(await sync('syncer-multi', 'edge'))).toMatch(/unknown-app/)
  })

  test('an old update_engine with the same name that pings is not treated as a syncer', async () => {
    for (const version of ['3000.0.0', '4000.0.0']) await publish(version)
    await setFloor('3000.0.0')
    const body = syncerBody('syncer-legacy')
      .replace('track="floored"', 'track="stable"')
      .replace('<updatecheck>', '<ping active="1"></ping><updatecheck>')
    const answer = await (await serve().request('/v1/update/', { method: 'POST', body })).text()
    expect(manifests(answer)).toEqual(['version="3000.0.0"'])
  })

  test('without a board gets packages by its architecture', async () => {
    await publish('4000.0.0')
    const body = syncerBody('syncer-multi')
      .replace('track="floored"', 'track="stable"')
      .replace('board="amd64-usr"', '')
    expect(body).not.toContain('board=')
    expect(manifests(await (await serve().request('/v1/update/', { method: 'POST', body })).text())).toHaveLength(1)
  })
})

describe('a client of CoreUpdate', () => {
  const get = async (path: string, init: RequestInit = {}) =>
    serve().request(`/_ah/api/update/v1/public/${path}`, { ...init, headers: { authorization: 'Hawk id="x"' } })

  test('gets packages by app, each with its URL', async () => {
    await publish('4000.0.0')
    await publishOne(store, '4000.0.0', { board: 'arm64-usr' })
    await publishOne(store, '3000.0.0', { channel: 'beta' })
    const response = await get('packages')
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    const { items } = JSON.parse(await response.text())
    expect(items).toEqual([{ AppId: app, packages: expect.any(Array) }])
    const packages = items[0].packages as { readonly version: string; readonly url: string; readonly size: string }[]
    expect(packages.map(({ version }) => version).sort()).toEqual(['3000.0.0', '4000.0.0'])
    expect(packages[0]).toMatchObject({ size: '37', required: true, sha256Sum: expect.stringMatching(/^[\w+/]{43}=$/) })
    const { pathname } = new URL(packages[0]?.url ?? '')
    expect(await (await serve().request(pathname)).text()).toBe(payloadText('CrAU 4000.0.0'))
  })

  test('gets channels with what they offer', async () => {
    await publish('4000.0.0')
    const { items } = JSON.parse(await (await get('channels')).text())
    expect(items).toEqual([
      {
        appId: app,
        label: 'stable',
        version: '4000.0.0',
        publish: true,
        upstream: '',
        dateCreated: expect.any(String),
      },
    ])
  })

  test('cannot write anything, and gets 503 if the store is unavailable', async () => {
    expect((await get('packages', { method: 'POST' })).status).toBe(405)
    store.bucket.erase('catalog.jws')
    expect((await get('channels')).status).toBe(503)
  })
})
