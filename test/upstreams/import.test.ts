/** A recorded Nebraska is imported into a fresh store over real sockets; Platte then answers what its machines ask. */
import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readCommand } from '../../src/channels/commands.ts'
import { commit } from '../../src/channels/commit.ts'
import { planCommand } from '../../src/channels/execute-command.ts'
import type { Running } from '../../src/runtime/server.ts'
import { carryOut, planImport } from '../../src/upstreams/import.ts'
import { flatcar, recording, nebraska as startNebraska } from '../nebraska.ts'
import type { TestServer } from '../upstream/server.ts'
import { ask, newReader, storedCatalog, type TestStore } from '../world.ts'
import { importerOf, newStoreAt2, readAll, restOf, runImport, serveStore } from './importing.ts'

/** Of the channels whose packages were recorded. */
const recordedChannels = ['prod-eu', 'beta', 'canaries', 'by-uuid', 'frozen', 'stable']
const goneAt = (url: string, version: string): string =>
  `${url}elsewhere/amd64-usr/${version}/flatcar_production_update.gz: there is no such file`

let nebraska: TestServer
let store: TestStore
let platte: Running
/** Paths that the first run read. */
let downloads: readonly string[]
let first: Awaited<ReturnType<typeof runImport>>

beforeAll(async () => {
  nebraska = await startNebraska()
  store = await newStoreAt2()
  first = await runImport(store, restOf(nebraska.url))
  downloads = nebraska.seen.map(({ path }) => path).filter((path) => /^\/a[mr]/.test(path))
  platte = await serveStore(store)
})
afterAll(async () => {
  await platte.stop()
  await nebraska.close()
})
/** A Tuesday in Berlin. */
const [morning, night] = ['2026-12-01T09:30:00Z', '2026-12-01T17:00:00Z'].map((one) => Date.parse(one))

const attribute = (text: string, name: string): string => new RegExp(`${name}="([^"]*)"`).exec(text)?.[1] ?? ''

/** What an answer offers: version, and names, sizes and digests of its packages. */
function offerIn(answer: string): unknown {
  const packages = [...answer.matchAll(/<package [^>]*>/g)].map(([one]) => ({
    ...{ name: attribute(one, 'name'), size: attribute(one, 'size'), sha1: attribute(one, 'hash') },
    required: attribute(one, 'required'),
  }))
  const sha256 = attribute(/<action [^>]*>/.exec(answer)?.[0] ?? '', 'sha256')
  return { version: attribute(/<manifest [^>]*>/.exec(answer)?.[0] ?? '', 'version'), packages, sha256 }
}

const send = async (body: string): Promise<string> =>
  (await fetch(`${platte.url}/v1/update/`, { method: 'POST', body })).text()

describe('machines of the recording', () => {
  test.each(['client-amd64-below-floor', 'client-amd64-at-floor'])('%s gets the same packages', async (name) => {
    const answer = await send(recording(`server/${name}.request.xml`))
    expect(offerIn(answer)).toEqual(offerIn(recording(`server/${name}.response.xml`)))
    const codebase = attribute(answer, 'codebase')
    for (const [one] of answer.matchAll(/<package [^>]*>/g)) {
      const bytes = new Uint8Array(await (await fetch(codebase + attribute(one, 'name'))).arrayBuffer())
      expect(createHash('sha1').update(bytes).digest('base64')).toBe(attribute(one, 'hash'))
    }
  })

  test.each([
    ['client-amd64-current', 'up-to-date'],
    ['client-frozen', 'held: paused in Nebraska, in the group Frozen'],
    ['client-unknown-group', 'unknown-channel'],
  ])('%s gets nothing from either: %s', async (name, reason) => {
    expect(recording(`server/${name}.response.xml`)).not.toContain('<manifest')
    const answer = await send(recording(`server/${name}.request.xml`))
    expect(answer).not.toContain('<manifest')
    expect(attribute(answer, '_no_update_reason')).toBe(reason)
  })
})

describe('every group', () => {
  const query = (channel: string, board: string, version: string, now: number) => {
    const { time } = store
    return ask(newReader(store, { clock: () => Math.max(now, time.now) }), { app: flatcar, channel, board, version })
  }
  const [amd64, arm64] = ['amd64-usr', 'arm64-usr']

  test.each([
    ['stable', amd64, '4152.2.0', '4230.2.0'],
    ['stable', arm64, '4152.2.0', '4230.2.0'],
    ['9a2deb70-37be-4026-853f-bfdd6b347bbe', amd64, '4152.2.0', '4230.2.0'],
    ['11a585f6-9418-4df0-8863-78b2fd3240f8', arm64, '4152.2.0', '4230.2.0'],
    ['beta', amd64, '4230.2.0', '4230.2.0'],
    ['d112ec01-ba34-4a9e-9d4b-9814a685f266', arm64, '4230.2.0', '4230.2.0'],
    ['Prod-EU', amd64, '4152.2.0', '4230.2.0'],
    ['df1e59e1-d525-42c9-aef1-1256fcacb37e', amd64, '4230.2.0', '4230.2.0'],
    ['canaries', amd64, '4152.2.0', '4230.2.0'],
    ['frozen', arm64, undefined, undefined],
    ['frozen', amd64, undefined, undefined],
    ['74633c02-5d7b-45f9-937b-1e119e7a53c4', arm64, undefined, undefined],
    ['prod-EU', amd64, undefined, undefined],
    ['alpha', arm64, undefined, undefined],
  ])('%s on %s: from 4081 to %s, from 4152 to %s', async (channel, board, floor, target) => {
    const answers = [
      await query(channel, board, '4081.2.0', morning ?? 0),
      await query(channel, board, '4152.2.0', morning ?? 0),
    ]
    const wanted = [floor, target].map((one) => one && `update ${one}`)
    if (floor) expect(answers).toEqual(wanted)
    else expect(answers.filter((one) => one.startsWith('update'))).toEqual([])
  })

  test('office hours end at 17:00 in Berlin', async () => {
    expect(await query('Prod-EU', amd64, '4152.2.0', Date.parse('2026-12-01T15:59:59Z'))).toBe('update 4230.2.0')
    expect(await query('Prod-EU', amd64, '4152.2.0', Date.parse('2026-12-01T16:00:00Z'))).toBe('outside-window')
    expect(await query('Prod-EU', amd64, '4152.2.0', night ?? 0)).toBe('outside-window')
    expect(await query('Prod-EU', amd64, '4152.2.0', Date.parse('2026-12-05T10:30:00Z'))).toBe('outside-window')
  })
})

test('what has no counterpart is said, and what cannot be read stops only its channel', () => {
  const { url } = nebraska
  expect(first.stopped).toEqual([
    `alpha: missing: 2261.0.0 for amd64-usr: ${goneAt(url, '2261.0.0')}`,
    `edge: missing: 2247.99.0 for amd64-usr: ${goneAt(url, '2247.99.0')}`,
  ])
  expect(first.found.refused).toEqual([])
  expect(first.found.notes).toMatchInlineSnapshot(`
    [
      "Agent (io.example.agent): has no groups: nothing to import",
      "prod-eu: office hours become a window: Mon-Fri 09:00 to 17:00 Europe/Berlin; machines start spread over its first hour",
      "alpha: this Nebraska lists no floors for amd64-usr",
      "alpha: Nebraska has no package for arm64-usr: its machines are offered nothing",
      "beta: this Nebraska lists no floors for arm64-usr",
      "beta: this Nebraska lists no floors for amd64-usr",
      "canaries: at most 5 updates per 1 hours becomes a ramp over 1h (how many machines it has is not known); publish later releases with --ramp-over 1h",
      "canaries: safe mode has no counterpart: begin with \`platte ramp --share 1%\`",
      "by-uuid: this Nebraska lists no floors for amd64-usr",
      "edge: this Nebraska lists no floors for amd64-usr",
      "edge: Nebraska has no package for arm64-usr: its machines are offered nothing",
      "frozen: paused in Nebraska, in the group Frozen: what is imported for it is held until \`platte unhold --reason 'paused in Nebraska, in the group Frozen'\`; publish later ones --held",
      "2 packages that no channel offers are left out: 2247.2.0 (amd64-usr), 2191.5.0 (amd64-usr)",
      "not imported: machines and their history, activity, users and teams, time-outs of updates, safe mode; Platte keeps no database of machines",
    ]
  `)
})

test('a package is downloaded for the first of its channels only', () => {
  // This store keeps nothing without a name, which follows from the digests that Nebraska tells.
  expect(downloads).toHaveLength(5)
  expect(new Set(downloads).size).toBe(5)
})

test('a second run changes nothing, and downloads nothing again', async () => {
  const before = await storedCatalog(store)
  nebraska.seen.length = 0
  const again = await runImport(store, restOf(nebraska.url))
  expect(again.planned.channels.flatMap(({ wanted, steps }) => steps.map(() => wanted.channel))).toEqual([
    'alpha',
    'edge',
  ])
  expect(await storedCatalog(store)).toEqual(before)
  expect(nebraska.seen.filter(({ path }) => /^\/a[mr]/.test(path))).toEqual([])
})

test('broken off before any step, the next run goes on; a paused group is offered nothing in between', async () => {
  const whole = first.steps.length
  expect(whole).toBeGreaterThan(20)
  const rest = restOf(nebraska.url)
  const other = await newStoreAt2()
  let runs = 0
  class Crash extends Error {}
  for (let isDone = false; !isDone && runs < 100; runs++) {
    const planned = await planImport(other.publisher, await readAll(other, rest))
    let begun = 0
    const onStep = () => {
      if (begun++ > 0) throw new Crash()
      return { add: () => {}, end: () => {} }
    }
    const channels = planned.channels.filter(({ wanted }) => recordedChannels.includes(wanted.channel))
    isDone = channels.every(({ steps }) => steps.length === 0)
    await carryOut(importerOf(other, rest, { onStep }), { ...planned, channels }).catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error
    })
    for (const version of ['4081.2.0', '4152.2.0'])
      expect(await ask(newReader(other), { app: flatcar, channel: 'frozen', board: 'arm64-usr', version })).not.toMatch(
        /^update/,
      )
  }
  expect(runs).toBeGreaterThan(15)
  const contentOf = async (one: TestStore) => {
    const { channels } = (await storedCatalog(one)).apps[flatcar] ?? { channels: {} }
    return recordedChannels.map((name) => [
      name,
      channels[name]?.seq,
      channels[name]?.aliases,
      channels[name]?.holds?.length,
    ])
  }
  expect(await contentOf(other)).toEqual(await contentOf(store))
})

test('what an operator holds here does not go to another channel; what Nebraska pauses for one group does', async () => {
  const taking = await newStoreAt2()
  const found = await readAll(taking, restOf(nebraska.url))
  const run = async (name: string) => {
    const wanted = found.channels.filter(({ channel }) => channel === name)
    const planned = await planImport(taking.publisher, { ...found, channels: wanted })
    return carryOut(importerOf(taking, restOf(nebraska.url)), planned)
  }
  for (const name of ['frozen', 'beta']) expect(await run(name)).toEqual([])
  const hold = { app: flatcar, channel: 'beta', version: '4230.2.0', reason: 'breaks disks' }
  await commit(taking.publisher, await planCommand(taking.publisher, readCommand('hold', hold)))
  expect((await run('stable')).map(({ error }) => error.message)).toEqual([
    '4230.2.0 for amd64-usr: 4230.2.0 is held in beta: breaks disks',
  ])
})

describe('packages', () => {
  let server: TestServer | undefined
  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  test('may stay at their URLs: read once, and signed with them', async () => {
    server = await startNebraska()
    const other = await newStoreAt2()
    await runImport(other, restOf(server.url), { isReference: true })
    const keys: string[] = []
    for await (const key of other.packages.list?.('packages/') ?? []) keys.push(key)
    expect(keys).toEqual([])
    const running = await serveStore(other)
    const answer = await (
      await fetch(`${running.url}/v1/update/`, {
        method: 'POST',
        body: recording('server/client-amd64-at-floor.request.xml'),
      })
    ).text()
    await running.stop()
    expect(attribute(answer, 'codebase')).toBe(`${server.url}amd64-usr/4230.2.0/`)
  })

  test('without a SHA-256 are compared by their SHA-1', async () => {
    server = await startNebraska({
      instead: ({ url = '' }, response, json) =>
        url.includes('/floors') && json
          ? response
              .writeHead(200)
              .end(json.replaceAll('2xX2hS0s', 'AAAAAAAA').replace(/"sha256": "[^"]*"/g, '"sha256": ""'))
          : undefined,
    })
    const taking = await newStoreAt2()
    const { stopped } = await runImport(taking, restOf(server.url))
    expect(stopped.find((one) => one.startsWith('stable: '))).toMatch(
      /^stable: mismatch: 4152.2.0 for amd64-usr: flatcar_production_update\.gz: has SHA-1 db15f6852d2c1a81fcf3013dbb799a15e916d1c7, expected 0{12}[0-9a-f]{28}$/,
    )
  })

  const other = Buffer.from('CrAU, but not what was announced')
  test.each([
    [
      'other bytes of the same size',
      (size: number) => Buffer.concat([other, Buffer.alloc(size - other.length)]),
      /^refused: 4152\.2\.0 for a\S+: flatcar_production_update\.gz .*clients read version 1$/,
    ],
    [
      'fewer bytes',
      () => other,
      /^mismatch: 4152\.2\.0 for a\S+: http.*4152\.2\.0\/flatcar_production_update\.gz: has 32 bytes, expected 195\d\d$/,
    ],
  ])('%s stop the channel before its target', async (_, bytesOf, message) => {
    server = await startNebraska({
      instead: ({ url = '' }, response) => {
        if (!url.endsWith('/4152.2.0/flatcar_production_update.gz')) return undefined
        const bytes = bytesOf(url.includes('amd64') ? 19_543 : 19_545)
        return response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
      },
    })
    const taking = await newStoreAt2()
    const { stopped } = await runImport(taking, restOf(server.url))
    const stable = stopped.find((one) => one.startsWith('stable: '))
    expect(stable?.replace('stable: ', '')).toMatch(message)
    expect(await ask(newReader(taking), { app: flatcar, version: '4081.2.0' })).toBe('no-release-for-board')
  })
})
