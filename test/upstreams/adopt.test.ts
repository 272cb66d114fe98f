/** Adopting from a recorded Nebraska, over real sockets: two architectures, a floor, an extra file. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import type { EditResult } from '../../src/channels/plan.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import { isoText } from '../../src/kernel/format.ts'
import { readPayloadKey } from '../../src/payload/keys.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { seal } from '../../src/trust/envelope.ts'
import { adoptOffer, planOffer } from '../../src/upstreams/adopt.ts'
import { openUpstream } from '../../src/upstreams/kinds.ts'
import type { Adoption } from '../../src/upstreams/look-up.ts'
import { execute } from '../changes.ts'
import { type Nebraska, nebraska, type Otherwise } from '../nebraska.ts'
import { bytesOf, day, newReader, newStore, refusal, storedCatalog, type TestStore } from '../world.ts'

const noUpdate =
  '<response protocol="3.0" server="nebraska"><app appid="{e96281a6-d1af-4bde-9a0a-97b76e56dc57}" status="ok"><updatecheck status="noupdate"><urls></urls></updatecheck></app></response>'
const isBelowFloor = (version: string): boolean => version === '0.0.0'

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const [floor, newest] = ['4152.2.0', '4230.2.0']
const boards = ['amd64-usr', 'arm64-usr']

let server: Nebraska
afterEach(() => server.close())

async function scene(otherwise: Otherwise = {}) {
  server = await nebraska(otherwise)
  const store = await newStore()
  const upstream = openUpstream(`omaha:${server.url}v1/update/`, { transport: nodeTransport() })
  const plan = (more: Partial<Adoption> = {}) => {
    const adoption = { app, channel: 'stable', boards, to: 'prod', packages: 'copy', create: true, ...more } as const
    return planOffer(store.publisher, upstream, adoption)
  }
  const run = async (more?: Partial<Adoption>): Promise<EditResult> =>
    adoptOffer(store.publisher, upstream, await plan(more))
  return { ...store, run, plan }
}

/** What a machine is offered: version and the SHA-256 of each package, as the store serves them. */
async function offered(store: TestStore, version: string, board = 'amd64-usr') {
  const query = { app, channel: 'prod', version, board, machineId: 'a' }
  const decision = await checkForUpdate(newReader(store), query)
  if (decision.kind !== 'update') return decision.reason
  const {
    packages,
    offer: { release },
  } = decision
  return [release.version, ...packages.packages.map(({ name, sha256 }) => `${name} ${sha256}`)]
}

const sha256Of = (path: string): string =>
  createHash('sha256')
    .update(readFileSync(new URL(`../samples/nebraska/files/${path}`, import.meta.url)))
    .digest('hex')
const file = 'flatcar_production_update.gz'
const said = (board: string, version: string, names: readonly string[] = [file]) => [
  version,
  ...names.map((name) => `${name} ${sha256Of(`${board}/${version}/${name}`)}`),
]

test('a fresh store is filled, and the second run reads no package and changes nothing', async () => {
  const { run, ...store } = await scene()
  expect(await run()).toMatchObject({ kind: 'changed', inForce: true })
  expect(await offered(store, '4081.2.0')).toEqual(said('amd64-usr', floor))
  expect(await offered(store, floor)).toEqual(said('amd64-usr', newest, [file, 'oem-azure.gz']))
  expect(await offered(store, '4081.2.0', 'arm64-usr')).toEqual(said('arm64-usr', floor))
  expect(await offered(store, floor, 'arm64-usr')).toEqual(said('arm64-usr', newest))
  expect(await offered(store, newest)).toBe('up-to-date')
  expect(server.files().toSorted()).toEqual([
    `/amd64-usr/${floor}/${file}`,
    `/amd64-usr/${newest}/${file}`,
    `/amd64-usr/${newest}/oem-azure.gz`,
    `/arm64-usr/${floor}/${file}`,
    `/arm64-usr/${newest}/${file}`,
  ])
  expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], packages: 5 })
  const before = await storedCatalog(store)
  expect(await run()).toMatchObject({ kind: 'unchanged', seq: 1 })
  expect(await storedCatalog(store)).toEqual(before)
  expect(server.files()).toHaveLength(5)
})

test('a release that must be a week old is kept, withheld, until it is; its floor comes with it', async () => {
  const { run, ...store } = await scene()
  const weekly = { after: 'P7D', rampOver: 'PT48H' }
  expect(await run(weekly)).toMatchObject({ kind: 'changed', seq: 1 })
  expect(server.files()).toHaveLength(3)
  expect(await offered(store, '4081.2.0')).toBe('withdrawn')
  store.time.now += 6 * day
  expect(await run(weekly)).toMatchObject({ kind: 'unchanged' })
  store.time.now += day
  expect(await run(weekly)).toMatchObject({ kind: 'changed', seq: 2 })
  expect(server.files()).toHaveLength(5)
  expect(await offered(store, floor)).toBe('not-in-ramp')
  store.time.now += 2 * day
  await refresh(store.publisher)
  expect(await offered(store, '4081.2.0')).toEqual(said('amd64-usr', floor))
  expect(await offered(store, floor)).toEqual(said('amd64-usr', newest, [file, 'oem-azure.gz']))
  expect(await run(weekly)).toMatchObject({ kind: 'unchanged' })
})

test('what waits is not offered once the upstream has gone back, nor where an operator withdrew it', async () => {
  const { run, ...store } = await scene()
  await run({ after: 'P7D' })
  store.time.now += 8 * day
  server.otherwise.answer = ({ version, syncer }) =>
    isBelowFloor(version) ? (syncer === 'many' ? noUpdate : undefined) : noUpdate
  const { warnings } = await run({ after: 'P7D' })
  expect(warnings).toContainEqual(
    expect.stringMatching(/offers 4152\.2\.0 for amd64-usr, lower than 4230\.2\.0, which prod has, withheld/),
  )
  expect(await offered(store, newest)).not.toEqual(expect.arrayContaining([newest]))
  server.otherwise.answer = undefined
  await execute(store.publisher, 'withdraw', { app, channel: 'prod', version: newest, reason: 'not for us' })
  await run()
  expect(await offered(store, floor)).not.toEqual(expect.arrayContaining([newest]))
})

test('--held withholds the newest, and its floors are there', async () => {
  const { run, ...store } = await scene()
  await run({ held: 'wait for me' })
  expect(await offered(store, floor)).toBe('withdrawn')
  await run()
  expect(await offered(store, floor)).toBe('withdrawn')
  await execute(store.publisher, 'withdraw', { app, channel: 'prod', version: newest, undo: true })
  expect(await offered(store, '4081.2.0')).toEqual(said('amd64-usr', floor))
  expect(await offered(store, floor)).toEqual(said('amd64-usr', newest, [file, 'oem-azure.gz']))
})

test('a channel that offers more than the upstream is not touched', async () => {
  const { run } = await scene()
  await run()
  const lower = ({ version }: { readonly version: string }, text: string) =>
    isBelowFloor(version) ? text.replace(/<manifest version="4230.*?<\/manifest>/, '') : noUpdate
  server.otherwise.answer = lower
  expect(await refusal(run())).toMatch(
    /^refused: http:\S+, channel stable: offers 4152\.2\.0 for amd64-usr, lower than 4230\.2\.0, which prod offers: nothing was changed/,
  )
  expect((await run({ belowNewest: true })).warnings).toHaveLength(2)
})

test('a version with other bytes than it was adopted with is not touched', async () => {
  const { run } = await scene()
  await run()
  server.otherwise.answer = (_, text) => text.replace('size="41523"', 'size="41524"')
  expect(await refusal(run())).toMatch(
    /^mismatch: .*channel stable: 4230\.2\.0 for amd64-usr: packages: flatcar_production_update\.gz: size is 41524, and was 41523/,
  )
})

test('floors of one board are none of another, also when the next release comes', async () => {
  const run = (release: string) => {
    server.otherwise.answer = ({ board, version }, text) => {
      if (board === 'arm64-usr') return undefined
      if (version !== '0.0.0') return noUpdate
      return text.replace(/<manifest version="4152.*?<\/manifest>/, '').replace('4230.2.0"', `${release}"`)
    }
    return adopting.run()
  }
  const adopting = await scene()
  for (const [release, kind] of [
    ['4081.2.0', 'changed'],
    [newest, 'changed'],
    [newest, 'unchanged'],
  ] as const)
    expect(await run(release)).toMatchObject({ kind })
  await execute(adopting.publisher, 'withdraw', { app, channel: 'prod', version: newest, reason: 'breaks disks' })
  expect(await run('4300.0.0')).toMatchObject({ kind: 'changed' })
  expect((await offered(adopting, '4081.2.0'))[0]).toBe('4300.0.0')
})

test('a URL without "/" at its end is of a folder; a board without a package is left out', async () => {
  const { run, ...store } = await scene({
    answer: ({ board }, text) => {
      if (board === 'amd64-usr') return text.replace(/\/"><\/url>/, '"></url>')
      return noUpdate.replace('status="ok"', 'status="error-noPackageFound"').replace('noupdate', 'error-internal')
    },
  })
  expect((await run()).warnings).toEqual([expect.stringMatching(/channel stable: offers nothing for arm64-usr$/)])
  expect(await offered(store, floor)).toEqual(said('amd64-usr', newest, [file, 'oem-azure.gz']))
})

test('the same bytes under other names are the same release', async () => {
  const { run, ...store } = await scene()
  await run()
  server.otherwise.answer = (_, text) =>
    text.replaceAll('name="oem-', 'name="extrafile-oem-').replaceAll(`name="${file}"`, 'name="flatcar.gz"')
  expect(await run()).toMatchObject({ kind: 'unchanged' })
  expect(await offered(store, floor)).toEqual(said('amd64-usr', newest, [file, 'oem-azure.gz']))
})

test('one file may be for several boards, if it is no payload', async () => {
  const { run, ...store } = await scene({
    answer: (_, text) => text.replaceAll('/amd64-usr/', '/any/'),
    file: (path, { method }, response) => {
      if (!path.startsWith('/any/')) return false
      const bytes = readFileSync(
        new URL(`../samples/nebraska/files${path.replace('any', 'amd64-usr')}`, import.meta.url),
      )
      response.writeHead(200, { 'content-length': bytes.length }).end(method === 'HEAD' ? undefined : bytes)
      return true
    },
  })
  const both = { boards: ['amd64-usr', 'riscv-usr'] }
  expect(await refusal(run(both))).toMatch(/are those of amd64-usr, not of riscv-usr/)
  await run({ ...both, raw: true })
  expect(await offered(store, '4081.2.0', 'riscv-usr')).toEqual(said('amd64-usr', floor))
})

test('by reference, packages are read once and stay where they are', async () => {
  const { run, ...store } = await scene()
  await run({ packages: 'reference' })
  expect(server.files()).toHaveLength(5)
  const query = { app, channel: 'prod', version: '4081.2.0', board: 'arm64-usr' }
  expect(await checkForUpdate(newReader(store), query)).toMatchObject({
    offer: { packages: { codebases: [`${server.url}arm64-usr/${floor}/`] } },
  })
  expect(await run({ packages: 'reference' })).toMatchObject({ kind: 'unchanged' })
  expect((await inspectStore(store.publisher)).packages).toBe(0)
})

test('a server that knows no syncers is asked as a machine, step by step', async () => {
  const { run, ...store } = await scene({ answer: ({ syncer }) => (syncer ? noUpdate : undefined) })
  await run()
  expect(await offered(store, '4081.2.0')).toEqual(said('amd64-usr', floor))
  expect(await offered(store, floor)).toEqual(said('amd64-usr', newest, [file, 'oem-azure.gz']))
})

test('what was read before a failure is not read again', async () => {
  const { run } = await scene()
  let isDown = true
  server.otherwise.file = (path, _, response) => {
    if (!isDown || !path.startsWith('/arm64-usr/4230')) return false
    response.writeHead(503).end()
    return true
  }
  expect(await refusal(run())).toMatch(/^store-unavailable: http:\S+, 4230\.2\.0 for arm64-usr: http.*answers 503/)
  isDown = false
  expect(await run()).toMatchObject({ kind: 'changed', seq: 1 })
  // The extra file has no SHA-256 for its first package but the action's: all keys are known.
  expect(server.files().filter((path) => path.startsWith('/amd64-usr/4230'))).toHaveLength(2)
})

test('payloads are judged under the keys of the channel, also those that another channel has already', async () => {
  const { run, ...store } = await scene()
  const { publisher, keys, time } = store
  const next = await editRoot(await loadRoot(publisher), { format: 2 }, isoText(time.now))
  await publishRoot(publisher, await seal('platte-root+jws', bytesOf(next), keys.root))
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = await readPayloadKey(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'key')
  await execute(publisher, 'channel-create', { app, channel: 'prod', payloadKeys: [key] })
  expect(await refusal(run())).toMatch(/^refused: .*4152\.2\.0 for amd64-usr: .*\(update_engine's error 1[78]\)/)
  expect(await run({ to: 'beta' })).toMatchObject({ kind: 'changed' })
  const read = server.files().length
  expect(await refusal(run())).toMatch(/^refused: .*\(update_engine's error 1[78]\)/)
  expect(server.files()).toHaveLength(read)
  expect(await offered(store, '4081.2.0')).toBe('no-release-for-board')
  expect(await run({ raw: true })).toMatchObject({ kind: 'changed' })
})

test('a board that the upstream refuses does not stop the others, and joins the release later', async () => {
  const paused = noUpdate.replace('status="ok"', 'status="error-updatesDisabled"').replace('noupdate', 'error-internal')
  const { run, plan, ...store } = await scene({ answer: ({ board }) => (board === 'arm64-usr' ? paused : undefined) })
  const words = /channel stable, board arm64-usr: the answer: status: is "error-updatesDisabled"/
  expect((await plan()).refused).toEqual(['arm64-usr'])
  expect((await run()).warnings).toEqual([expect.stringMatching(words)])
  expect(await offered(store, floor)).toEqual(said('amd64-usr', newest, [file, 'oem-azure.gz']))
  expect(await offered(store, floor, 'arm64-usr')).toBe('no-release-for-board')
  server.otherwise.answer = () => undefined
  expect(await run({ createBoard: true })).toMatchObject({ kind: 'changed', seq: 2 })
  expect((await offered(store, floor, 'arm64-usr'))[0]).toBe(newest)
  server.otherwise.answer = () => paused
  expect(await refusal(run())).toMatch(/^refused: .*board amd64-usr: the answer: status/)
})
