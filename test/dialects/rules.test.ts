/** The rules of machines hold for browsers, in every dialect and in `explain`: the same row asks all of them. */
import { describe, expect, test } from 'vitest'
import { isoText } from '../../src/kernel/format.ts'
import { execute, holdRelease } from '../changes.ts'
import { day, newStore, publishOne, sourceOf } from '../world.ts'
import { check4, check31, extension, gupdateApp, gupdateQuery } from './samples.ts'
import { serveDialects } from './server.ts'

const ref = { app: extension, channel: 'stable' }
interface Client {
  readonly version?: string
  readonly brand?: string
  readonly iid?: string
  readonly cohort?: string
  readonly browser?: string
  readonly os?: string
  readonly isAsking?: boolean
}
/** Of one release 2.0 after 1.0. */
interface Release {
  readonly more?: object
  readonly edit?: (store: Awaited<ReturnType<typeof newStore>>) => Promise<unknown>
  readonly passed?: number
}

async function scene({ more = {}, edit, passed = 0 }: Release) {
  const store = await newStore({ format: 2 })
  const source = (version: string) => sourceOf('x.crx', `Cr24 ${version}`)
  const given = { app: extension, board: 'any', raw: true }
  await publishOne(store, '1.0', { ...given, sources: [source('1.0')] })
  await publishOne(store, '2.0', { ...given, sources: [source('2.0')], ...more })
  await edit?.(store)
  store.time.now += passed
  return serveDialects(store)
}

/** What each dialect offers to a client: the version, or the reason. */
async function answers(release: Release, client: Client) {
  const { ask, get } = await scene(release)
  const { version = '1.0', brand = '', iid = '', cohort = '', browser = '156.0', os, isAsking = false } = client
  const installsource = isAsking ? 'ondemand' : 'scheduler'
  const app = { appid: extension, version, brand, iid, cohort, installsource, ap: '', release_channel: '' }
  const more = {
    prodversion: browser,
    ...(os !== undefined && { os: { platform: 'Linux', version: os, arch: 'x86_64' } }),
  }
  const of4 = (await ask(check4(app, more))).apps[0].updatecheck
  const of31 = (await ask(check31(app, more))).app[0].updatecheck
  const x = gupdateApp(version).replace('notfromwebstore', installsource)
  const query = gupdateQuery([`${x}&brand=${brand}`]).replace('156.0.8078.79', browser)
  const xml = await (await get(`/service/update2/crx${query}`)).text()
  const of2 = /codebase[^>]* version="([\d.]+)"/.exec(xml)?.[1] ?? / info="([^"]*)"/.exec(xml)?.[1]
  const machine = iid || (cohort && `cohort-${cohort.slice(-4)}`)
  const explained = await get(
    `/v1/explain?app=${extension}&channel=stable&version=${version}&board=linux-x64&oem=${brand}&machine=${encodeURIComponent(machine)}&browser=${browser}&os=${os ?? ''}&manual=${isAsking ? 1 : 0}`,
  )
  const { offered, reason } = (await explained.json()) as { offered?: string; reason?: string }
  return {
    json4: of4.nextversion ?? of4.info,
    json31: of31.manifest?.version ?? of31.info,
    gupdate: of2,
    explain: offered ?? reason,
  }
}

const same = (one: string) => ({ json4: one, json31: one, gupdate: one, explain: one })
const because = (reason: string, words = '') => {
  const text = expect.stringMatching(new RegExp(`^${reason}${words && `: .*${words}`}`))
  return { json4: text, json31: text, gupdate: text, explain: reason }
}
/** gupdate names no version of the system. */
const notBy2 = (one: string) => ({ ...same(one), gupdate: because('target').gupdate })
const now = Date.UTC(2026, 10, 23, 6)
const ramp = (share: number) => ({ ramp: [{ at: isoText(now - day), share }] })
const onlyFor = (target: object): Release => ({
  edit: ({ publisher }) => execute(publisher, 'target', { ...ref, version: '2.0', target }),
})
const floor: Release = {
  async edit({ publisher }) {
    await execute(publisher, 'floor', { ...ref, version: '1.0', reason: 'step' })
  },
}
/** Closed at the time of the tests, which is a Monday. */
const closed: Release = {
  edit: ({ publisher }) =>
    execute(publisher, 'window', {
      ...ref,
      version: '2.0',
      windows: [{ days: ['Sat'], from: '01:00', to: '02:00', timeZone: 'UTC' }],
    }),
}
const install = (minBrowser: string) => ({ sources: [{ ...sourceOf('x.crx', 'Cr24'), install: { minBrowser } }] })

describe('each rule', () => {
  test.each<[string, Release, Client, object]>([
    ['an update', {}, {}, same('2.0')],
    ['none', {}, { version: '2.0' }, same('up-to-date')],
    [
      'a hold',
      { edit: ({ publisher }) => holdRelease(publisher, ref, { version: '2.0', reason: 'crashes' }), passed: 60_000 },
      { version: '1.0' },
      because('held', 'crashes'),
    ],
    [
      'a withdrawn release',
      { edit: ({ publisher }) => execute(publisher, 'withdraw', { ...ref, version: '2.0', reason: 'broken' }) },
      {},
      because('withdrawn', 'broken'),
    ],
    ['a ramp at 0 %, by id', { more: ramp(0) }, { iid: '{a}' }, because('not-in-ramp')],
    ['a ramp at 0 %, by cohort', { more: ramp(0) }, { cohort: ':0042' }, because('not-in-ramp')],
    ['a ramp, for a person who asks', { more: ramp(0) }, { isAsking: true, iid: '{a}' }, same('2.0')],
    ['a floor', floor, { version: '0.5' }, same('1.0')],
    ['a closed window', closed, {}, because('outside-window')],
    ['a closed window, for a person who asks', closed, { isAsking: true }, same('2.0')],
    ['a brand that it is for', onlyFor({ oem: { only: ['GGLS'] } }), { brand: 'GGLS' }, same('2.0')],
    ['a brand that it is not for', onlyFor({ oem: { only: ['GGLS'] } }), { brand: 'XXXX' }, because('target')],
    ['a range of versions', onlyFor({ from: '>=1.5' }), { version: '1.0' }, because('target')],
    ['a system that it is for', onlyFor({ os: '>=6.1 <7' }), { os: '6.1.0-18-amd64' }, notBy2('2.0')],
    ['a system that is too old', onlyFor({ os: '>=6.1' }), { os: '6.0.9' }, because('target')],
    ['a system that is too new', onlyFor({ os: '<7' }), { os: '7.0' }, because('target')],
    ['a system of which nothing is known', onlyFor({ os: '<7' }), { os: '' }, because('target')],
    ['a browser that is new enough', { more: install('150.0') }, { browser: '150.0.1' }, same('2.0')],
    ['a browser that is too old', { more: install('150.0') }, { browser: '149.9' }, because('target')],
  ])('%s', async (_, release, client, want) => {
    expect(await answers(release, client)).toEqual(want)
  })
})
