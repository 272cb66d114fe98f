/** What systemd-sysupdate reads: one release, the one that `decide` offers to the machine of the request. */
import { beforeAll, describe, expect, test } from 'vitest'
import { publish } from '../../src/channels/publish.ts'
import { renderTransfer } from '../../src/clients/transfer.ts'
import { answerSysupdate } from '../../src/sysupdate/answer.ts'
import { nameWithVersion } from '../../src/sysupdate/listing.ts'
import { holdRelease } from '../changes.ts'
import { appOf } from '../served.ts'
import { app, ask, newReader, newStore, orderOf, sourceOf, type TestStore } from '../world.ts'

const publicUrl = 'https://updates.example.org'

function serve({ publisher }: TestStore) {
  const served = appOf(publisher, { name: 'sysupdate', fallback: answerSysupdate })
  return (rest: string, init?: RequestInit) => served.request(`/sysupdate/${app}/stable/x86-64/${rest}`, init)
}

const files = (version: string, ...names: readonly string[]) =>
  names.map((name) => sourceOf(name, `${name} ${version}`)) as [ReturnType<typeof sourceOf>]

const put = (store: TestStore, version: string, names = ['docker.raw', 'flatcar-zfs.raw'], more = {}) =>
  publish(store.publisher, orderOf(version, { board: 'x86-64', sources: files(version, ...names), raw: true, ...more }))

test.each([
  ['docker.raw', '28.0.4', 'docker_28.0.4.raw'],
  ['docker.x86-64.raw.xz', '28.0.4', 'docker_28.0.4.x86-64.raw.xz'],
  ['docker-28.0.4.raw', '28.0.4', 'docker-28.0.4.raw'],
  ['docker', '1', 'docker_1'],
  ['docker-v28.0.4.raw', '28.0.4', 'docker-v28.0.4.raw'],
  ['docker-4.raw', '4', 'docker-4.raw'],
  ['docker-v4.raw', '4', 'docker-v4.raw'],
  ['docker-arm64.raw', '4', 'docker-arm64_4.raw'],
  ['mp4.raw', '4', 'mp4_4.raw'],
  ['dev4.raw', '4', 'dev4_4.raw'],
  ['docker-28.0.4.raw', '8.0.4', 'docker-28_8.0.4.0.4.raw'],
  ['docker-28.0.4.raw', '28.0', 'docker-28_28.0.0.4.raw'],
  ['docker28.0.4.raw', '28.0.4', 'docker28.0.4.raw'],
  ['docker-1.0.0+2.raw', '1.0.0+2', 'docker-1.0.0+2.raw'],
])('%s of %s is %s', (name, version, named) => expect(nameWithVersion(name, version)).toBe(named))

test.each([
  ['docker.raw', ['docker_@v.raw', 'docker_@v.raw'], 'docker.raw'],
  ['docker.raw.xz', ['docker_@v.raw.xz', 'docker_@v.raw'], 'docker.raw'],
  ['docker-@v.x86-64.raw.gz', ['docker-@v.x86-64.raw.gz', 'docker-@v.x86-64.raw'], 'docker.x86-64.raw'],
])('a transfer of %s: systemd unpacks it', (file, patterns, link) => {
  const text = renderTransfer({ url: publicUrl, app: 'docker', channel: 'stable', board: 'x86-64', file })
  expect([...text.matchAll(/MatchPattern=(.*)/g)].map(([, one]) => one)).toEqual(patterns)
  expect(text).toContain(`CurrentSymlink=/etc/extensions/${link}\n`)
})

describe('a channel with two releases', () => {
  let get: ReturnType<typeof serve>
  let store: TestStore
  beforeAll(async () => {
    store = await newStore()
    await put(store, '1.0.0')
    await put(store, '2.0.0')
    get = serve(store)
  })

  test('lists the files of the newest with its version, as sha256sum does', async () => {
    const answer = await get('SHA256SUMS')
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(await answer.text()).toMatch(
      /^[0-9a-f]{64} {2}docker_2\.0\.0\.raw\n[0-9a-f]{64} {2}flatcar-zfs_2\.0\.0\.raw\n$/,
    )
  })

  test('sends a machine to the package', async () => {
    const answer = await get('machine=abc/docker_2.0.0.raw')
    expect(answer.status).toBe(302)
    expect(answer.headers.get('location')).toMatch(
      RegExp(`^${publicUrl}/packages/${app}/2\\.0\\.0/x86-64/[0-9a-f]{32}/docker\\.raw$`),
    )
  })

  test.each([
    ['docker_1.0.0.raw', 404, /has no such file/],
    ['docker.raw', 404, /has no such file/],
    ['SHA256SUMS.gpg', 404, /has no signature/],
    ['other=1/SHA256SUMS', 404, /./],
    ['%ff/SHA256SUMS', 404, /./],
    ['machine=a', 404, /has no such file/],
  ])('%s: %i', async (path, status, detail) => {
    const answer = await get(path)
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringMatching(detail)])
  })

  test('another method is refused', async () => {
    const answer = await get('SHA256SUMS', { method: 'POST' })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test.each([`${app}/stable/arm64`, `${app}/other/x86-64`, 'other/stable/x86-64'])('%s is not found', async (path) =>
    expect((await get(`../../../${path}/SHA256SUMS`)).status).toBe(404),
  )
})

test('a held release is no longer listed nor sent, and the one before is', async () => {
  const store = await newStore()
  await put(store, '1.0.0')
  await put(store, '2.0.0')
  await holdRelease(store.publisher, { app, channel: 'stable' }, { version: '2.0.0', reason: 'bad' })
  const get = serve(store)
  expect(await (await get('SHA256SUMS')).text()).toMatch(/docker_1\.0\.0\.raw/)
  expect((await get('docker_2.0.0.raw')).status).toBe(404)
})

test('where nothing is offered the list has one line, which no pattern of versions fits, and says why', async () => {
  const store = await newStore()
  await put(store, '1.0.0')
  await holdRelease(store.publisher, { app, channel: 'stable' }, { version: '1.0.0', reason: 'bad' })
  const get = serve(store)
  expect(await (await get('SHA256SUMS')).text()).toMatch(/^[0-9a-f]{64} {2}nothing-because\.held\n$/)
  expect((await get('docker_1.0.0.raw')).status).toBe(404)
})

test('machines are in a ramp as everywhere else', async () => {
  const store = await newStore()
  await put(store, '1.0.0')
  await put(store, '2.0.0', undefined, { ramp: [{ at: new Date(store.time.now).toISOString(), share: 0.5 }] })
  const [get, reader] = [serve(store), newReader(store)]
  const seen = new Set<string>()
  for (let i = 0; i < 40; i++) {
    const machineId = `machine-${i}`
    const decided = await ask(reader, { version: '1.0.0', board: 'x86-64', machineId })
    for (const path of [
      `machine=${machineId}/running=1.0.0/SHA256SUMS`,
      `SHA256SUMS?machine=${machineId}&running=1.0.0`,
    ]) {
      const text = await (await get(path)).text()
      expect(text).toMatch(decided === 'update 2.0.0' ? /docker_2\.0\.0/ : RegExp(`nothing-because\\.${decided}`))
    }
    seen.add(decided)
  }
  expect(seen).toEqual(new Set(['update 2.0.0', 'not-in-ramp']))
})

test('a list that was published with its signature is sent as it is, with the names in it', async () => {
  const store = await newStore()
  await put(store, '1.0.0', ['docker-1.0.0.raw', 'SHA256SUMS', 'SHA256SUMS.gpg'])
  const get = serve(store)
  for (const name of ['SHA256SUMS', 'SHA256SUMS.gpg', 'docker-1.0.0.raw']) {
    const answer = await get(name)
    expect([answer.status, answer.headers.get('location')]).toEqual([302, expect.stringContaining(`/${name}`)])
  }
})
