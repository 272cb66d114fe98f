/** Adopting from update URLs of browsers, in both dialects, over real sockets. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { execute } from '../changes.ts'
import { fileOf } from '../crx/make.ts'
import { check4 } from '../dialects/samples.ts'
import { serveDialects } from '../dialects/server.ts'
import { day, refusal, storedCatalog } from '../world.ts'
import { app, crx, publishThere, type Scene, scene } from './scene.ts'

let there: Scene
beforeEach(async () => {
  there = await scene()
  await publishThere(there.origin, '1.0')
  await publishThere(there.origin, '2.0', { channel: 'beta' })
})
afterEach(() => there.close())

/** What a browser is offered by the own store. */
async function offered(version = '0.1') {
  const own = serveDialects(there.own)
  const { apps } = await own.ask(check4({ appid: app, version, release_channel: 'prod' }))
  const { info, nextversion, pipelines } = apps[0].updatecheck
  if (nextversion === undefined) return info
  const file = await own.get(new URL(pipelines[0].operations[0].urls[0].url).pathname)
  return [nextversion, Buffer.from(await file.arrayBuffer()).equals(crx(nextversion))]
}

describe.each(['gupdate', 'omaha-json'] as const)('%s', (kind) => {
  test('a fresh store is filled under its own key; the second run reads no package', async () => {
    expect(await there.run(kind)).toMatchObject({ kind: 'changed', inForce: true })
    expect(await offered()).toEqual(['1.0', true])
    expect(await inspectStore(there.own.publisher)).toMatchObject({ findings: [], packages: 1 })
    const before = [await storedCatalog(there.own), there.files()]
    expect(await there.run(kind)).toMatchObject({ kind: 'unchanged', seq: 1 })
    expect([await storedCatalog(there.own), there.files()]).toEqual(before)
    await publishThere(there.origin, '1.1')
    there.origin.time.now += 60_000
    expect(await there.run(kind)).toMatchObject({ kind: 'changed', seq: 2 })
    expect(await offered('1.0')).toEqual(['1.1', true])
  })

  test('a plan reads no package and writes nothing', async () => {
    expect((await there.plan(kind).planned).planned.changes).toHaveLength(1)
    expect([there.files(), (await storedCatalog(there.own)).apps]).toEqual([0, {}])
  })

  test('another channel of the upstream', async () => {
    await there.run(kind, { channel: 'beta' })
    expect(await offered()).toEqual(['2.0', true])
  })

  test('--after, --ramp-over and --held', async () => {
    const weekly = { after: 'P7D', rampOver: 'PT48H' }
    await there.run(kind, weekly)
    expect(await offered()).toMatch(/^withdrawn: .* 7 days/)
    there.own.time.now += 7 * day
    await there.run(kind, weekly)
    expect(await offered()).toBe('not-in-ramp')
    await there.run(kind, { channel: 'beta', held: 'wait for me' })
    await execute(there.own.publisher, 'withdraw', { app, channel: 'prod', version: '2.0', undo: true })
    expect(await offered()).toEqual(['2.0', true])
  })

  test('packages may stay at the upstream', async () => {
    await there.run(kind, { packages: 'reference' })
    const own = serveDialects(there.own)
    const { apps } = await own.ask(check4({ appid: app, release_channel: 'prod' }, {}))
    expect(apps[0].updatecheck.info).toBe('up-to-date')
    const older = await own.ask(check4({ appid: app, version: '0.1', release_channel: 'prod' }))
    const { url } = older.apps[0].updatecheck.pipelines[0].operations[0].urls[0]
    expect(url).toMatch(new RegExp(`^${there.url}/packages/${app}/1\\.0/any/[0-9a-f]{32}/extension\\.crx$`))
  })

  test('a channel that offers more than the upstream is not touched', async () => {
    await there.run(kind, { channel: 'beta' })
    expect(await refusal(there.run(kind))).toMatch(
      /^refused: http:\S+, channel stable: offers 1\.0 for any, lower than 2\.0, which prod offers: nothing was changed/,
    )
  })

  test('where everything is held there is nothing to adopt', async () => {
    await execute(there.origin.publisher, 'withdraw', { app, channel: 'stable', version: '1.0', reason: 'broken' })
    expect(await refusal(there.run(kind))).toMatch(/^refused: http:\S+, channel stable: offers nothing for any/)
  })
})

test('what is run, and the first browser, come along under format 2', async () => {
  await there.close()
  there = await scene(2)
  const install = { run: 'bin/setup.exe', arguments: '--silent', minBrowser: '150.0' }
  const source = { ...fileOf(crx('1.0'), 'extension.crx'), install }
  await publishThere(there.origin, '1.0', { sources: [source] })
  await there.run('omaha-json')
  const { apps } = await serveDialects(there.own).ask(check4({ appid: app, version: '0.1', release_channel: 'prod' }))
  const { operations } = apps[0].updatecheck.pipelines[0]
  expect(operations[1]).toMatchObject({ type: 'crx3', path: 'bin/setup.exe', arguments: '--silent' })
})

test('the question is one that a browser asks', async () => {
  await there.run('gupdate', { channel: 'beta' })
  const asked = new URL(there.seen[0]?.path ?? '', there.url)
  expect(Object.fromEntries(asked.searchParams)).toEqual({
    ...{ os: 'linux', arch: 'x64', os_arch: 'x86_64', prod: 'chromiumcrx', prodchannel: '', lang: 'en-US' },
    ...{ prodversion: '9999.0.9999.0', acceptformat: 'crx3', channel: 'beta' },
    x: `id=${app}&v=0.0.0.0&installsource=notfromwebstore&installedby=policy&uc`,
  })
})
