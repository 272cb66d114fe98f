/** Adopting a stream of Fedora CoreOS over real sockets: rollouts, barriers and dead ends, and what is not followed. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EditResult } from '../../src/channels/plan.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import type { ChannelManifest } from '../../src/documents/channel.ts'
import { channelKey } from '../../src/documents/paths.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { adoptOffer, planOffer } from '../../src/upstreams/adopt.ts'
import { chosenOf, openUpstream } from '../../src/upstreams/kinds.ts'
import type { Adoption } from '../../src/upstreams/look-up.ts'
import { execute } from '../changes.ts'
import { day, newReader, newStore, now, refusal, storedCatalog, type TestStore } from '../world.ts'
import {
  type Builds,
  imageOf,
  index,
  indexPath,
  rollout,
  start,
  startBuilds,
  sum,
  updates,
  updatesPath,
  versions,
} from './streams.ts'

const app = 'fedora-coreos'
let server: Builds
let store: TestStore
beforeEach(async () => {
  server = await startBuilds()
  store = await newStore({ format: 2 })
})
afterEach(() => server.close())

async function plan({ boards, ...more }: Partial<Adoption> = {}) {
  const upstream = openUpstream(server.place, { transport: nodeTransport(), now: store.time.now })
  const there = await chosenOf(upstream, { boards, hint: '' })
  const adoption: Adoption = { app, ...there, to: 'stable', packages: 'copy', create: true, ...more }
  return { upstream, found: await planOffer(store.publisher, upstream, adoption) }
}
async function run(more?: Partial<Adoption>): Promise<EditResult> {
  const { upstream, found } = await plan(more)
  return adoptOffer(store.publisher, upstream, found)
}

/** What a machine is offered: a version, or why none. */
async function offered(version: string, more: object = {}): Promise<string> {
  const query = { app, channel: 'stable', version, board: 'x86_64', machineId: 'a', ...more }
  const decision = await checkForUpdate(newReader(store), query)
  if (decision.kind === 'update') throw new Error('an image is no package')
  return 'candidate' in decision ? `${decision.reason} ${decision.candidate?.release.version}` : decision.reason
}

async function manifestOf(seq: number, channel = 'stable'): Promise<ChannelManifest> {
  const { payload } = JSON.parse(Buffer.from(await store.bucket.read(channelKey(app, channel, seq))).toString())
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

const releasesOf = async (seq = 1) =>
  (await manifestOf(seq)).releases.map(({ publishedAt: _, details: __, ...one }) => one)
const rolled = (...releases: readonly object[]) => ({
  ...updates,
  releases: [...updates.releases.slice(0, 2), ...releases],
})
const of = (version: string, metadata: object) => ({ version, metadata })

test('all of a stream: commits and images for each architecture, the barrier, the dead end, both rollouts', async () => {
  expect(await run()).toMatchObject({ kind: 'changed', seq: 1, inForce: true })
  const boards = (digit: number, more: object = {}) => ({
    aarch64: { checksum: sum(digit), ...more },
    x86_64: { checksum: `${sum(digit).slice(1)}a`, ...more },
  })
  const at = (seconds: number): string => new Date(seconds * 1000).toISOString()
  expect(await releasesOf()).toEqual([
    {
      ...{ version: versions.next, boards: boards(5, { oci: imageOf(5) }) },
      ramp: [
        { at: at(start), share: 0 },
        { at: at(start + 2880 * 60), share: 1 },
      ],
    },
    { version: versions.good, boards: boards(4, { oci: imageOf(4) }) },
    {
      ...{ version: versions.barrier, boards: boards(2) },
      floor: { reason: 'https://github.com/coreos/fedora-coreos-tracker/issues/480' },
    },
    {
      ...{ version: versions.end, boards: boards(1) },
      deadEnd: { reason: 'https://github.com/coreos/fedora-coreos-tracker/issues/1441' },
      withdrawn: { reason: 'https://github.com/coreos/fedora-coreos-tracker/issues/1441' },
    },
  ])
  const before = await storedCatalog(store)
  expect(await run()).toMatchObject({ kind: 'unchanged', seq: 1 })
  expect(await storedCatalog(store)).toEqual(before)
  expect(server.asked).toEqual([updatesPath, indexPath, updatesPath, indexPath])
})

test('machines are led as there: through the barrier, to the last complete rollout, from no dead end', async () => {
  await run()
  // What asks for a package is told of the release that it would get.
  expect(await offered('30.1')).toBe(`no-package ${versions.barrier}`)
  expect(await offered(versions.end)).toBe(`dead-end ${versions.end}`)
  expect(await offered(versions.barrier)).toBe(`no-package ${versions.good}`)
  store.time.now = (start + 2880 * 60) * 1000
  expect(await offered(versions.good)).toBe(`no-package ${versions.next}`)
})

test('a dry run writes nothing, and one board alone may be adopted', async () => {
  const { found } = await plan()
  expect(found.planned.changes.length).toBeGreaterThan(0)
  expect((await storedCatalog(store)).apps).toEqual({})
  await run({ boards: ['aarch64'] })
  for (const { boards } of await releasesOf()) expect(Object.keys(boards)).toEqual(['aarch64'])
})

test('a rollout that the upstream paused is reported, and nothing is changed', async () => {
  await run()
  server.otherwise.set(updatesPath, rolled(of(versions.good, { rollout: { start_percentage: 1 } })))
  expect(await refusal(run())).toMatch(
    /^refused: http:\S+, channel stable: offers 44\.20260621\.3\.1 for aarch64, lower than 44\.20260707\.3\.1, which stable offers: nothing was changed/,
  )
  await execute(store.publisher, 'withdraw', { app, channel: 'stable', version: versions.next, reason: 'paused there' })
  expect((await run()).warnings).toContainEqual(expect.stringMatching(/lower than .*, withheld$/))
})

test('another commit or image for a version that was adopted is reported, and nothing is changed', async () => {
  await run()
  server.otherwise.set(indexPath, JSON.stringify(index).replaceAll(imageOf(4), imageOf(9)))
  expect(await refusal(run())).toBe(
    `mismatch: ${new URL(server.url).origin}, channel stable: ${versions.good} for aarch64: oci is ${imageOf(9)}, and was ${imageOf(4)}: it was replaced after it was adopted`,
  )
  server.otherwise.set(indexPath, JSON.stringify(index).replaceAll(sum(2), sum(9)))
  expect(await refusal(run())).toMatch(/^mismatch: .*: checksum is 9{64}, and was 2{64}: it was replaced/)
})

test('an image that came after the commit was adopted changes nothing', async () => {
  const releases = index.releases.map(({ 'oci-images': _, ...one }) => one)
  server.otherwise.set(indexPath, { ...index, releases })
  await run()
  server.otherwise.delete(indexPath)
  expect(await run()).toMatchObject({ kind: 'unchanged' })
})

test('a new release joins, a rollout that is over stays, and a dead end of later is marked', async () => {
  await run()
  const newest = '44.20260721.3.0'
  const last = index.releases.map((one) => ({ ...one, version: newest })).at(-1)
  server.otherwise.set(indexPath, { ...index, releases: [...index.releases, last] })
  const bad = { deadend: { reason: 'it does not boot' } }
  server.otherwise.set(updatesPath, rolled(of(versions.good, bad), of(newest, { rollout: { start_percentage: 0.5 } })))
  await run()
  const [added, next, good] = await releasesOf(2)
  expect(added).toMatchObject({ version: newest, ramp: [{ at: '1970-01-01T00:00:00.000Z', share: 0.5 }] })
  expect(next).toMatchObject({ version: versions.next })
  expect(good).toMatchObject({ version: versions.good, deadEnd: { reason: 'it does not boot' } })
  expect(await offered(versions.good)).toBe(`dead-end ${versions.good}`)
})

test('marks that the upstream took away stay, and are reported', async () => {
  await run()
  const [end, barrier] = [of(versions.end, { rollout: {} }), of(versions.barrier, {})]
  server.otherwise.set(updatesPath, { ...updates, releases: [end, barrier, ...updates.releases.slice(2)] })
  const { warnings } = await run()
  const where = `${new URL(server.url).origin}, channel stable`
  expect(warnings).toEqual(
    expect.arrayContaining([
      `${where}: ${versions.barrier} is a floor here only: platte floor ${versions.barrier} --undo`,
      `${where}: ${versions.end} is a dead end here only: platte dead-end ${versions.end} --undo`,
    ]),
  )
  expect(await offered('30.1')).toBe(`no-package ${versions.barrier}`)
})

test('with --after, releases wait, and have the ramp of the upstream afterwards', async () => {
  const weekly = { after: 'P7D' }
  await run(weekly)
  expect(await offered(versions.barrier)).toMatch(/^withdrawn /)
  store.time.now = now + 7 * day
  expect(await run(weekly)).toMatchObject({ kind: 'changed', seq: 2 })
  const [next] = await releasesOf(2)
  expect(next?.ramp?.map(({ share }) => share)).toEqual([0, 1])
  expect(await offered(versions.barrier)).toBe(`no-package ${versions.next}`)
})

test('--held withholds, and a ramp of the operator goes before that of the upstream', async () => {
  await run({ held: 'wait for me' })
  expect((await releasesOf()).filter(({ withdrawn }) => withdrawn?.reason === 'wait for me')).toHaveLength(2)
  await execute(store.publisher, 'channel-create', { app, channel: 'slow' })
  await run({ to: 'slow', rampOver: 'PT72H' })
  const slow = await manifestOf(2, 'slow')
  const length = slow.releases[0]?.ramp?.map(({ at }) => Date.parse(at)) ?? []
  expect((length[1] ?? 0) - (length[0] ?? 0)).toBe(3 * day)
})

test('what ramps here cannot say is reported', async () => {
  server.otherwise.set(updatesPath, {
    ...updates,
    releases: [
      of(versions.end, { deadend: { reason: 'a' }, rollout: {} }),
      of(versions.barrier, { barrier: { reason: 'b' }, deadend: { reason: 'c' } }),
      of(versions.good, { rollout: { start_percentage: 0.9 } }),
      of(versions.next, { rollout }),
    ],
  })
  const { warnings } = await run()
  const where = `${new URL(server.url).origin}, channel stable`
  expect(warnings).toEqual([
    `${where}: ${versions.end} is a dead end with a rollout: no machine is led to it`,
    `${where}: ${versions.barrier} is a barrier and a dead end: it is adopted as a dead end, and machines pass it by`,
    `${where}: ${versions.good} is rolled out beside ${versions.next}: it is offered below that only once it is complete`,
  ])
})
