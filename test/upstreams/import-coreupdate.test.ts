/** CoreUpdate's public lists, as a Platte answers them, are imported into another store. */
import { afterEach, expect, test } from 'vitest'
import type { Running } from '../../src/runtime/server.ts'
import { readCoreUpdate, translateCoreUpdate } from '../../src/upstreams/coreupdate.ts'
import { carryOut, knownNames, planImport } from '../../src/upstreams/import.ts'
import { serve } from '../upstream/server.ts'
import { app, ask, newReader, newStore, publishOne, refusal, type TestStore } from '../world.ts'
import { importerOf, restOf, serveStore } from './importing.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function served(store: TestStore): Promise<Running> {
  const running = await serveStore(store)
  closing.push(() => running.stop())
  return running
}

async function run(store: TestStore, url: string, isWanted = (_: string) => true) {
  const rest = restOf(url)
  const lists = await readCoreUpdate(rest)
  const found = translateCoreUpdate(lists, 'amd64-usr', await knownNames(store.publisher), isWanted)
  const planned = await planImport(store.publisher, found)
  const stopped = await carryOut(importerOf(store, rest), planned)
  return { ...found, steps: planned.channels.flatMap(({ steps }) => steps).length, stopped }
}

test('what its channels have now is offered, and a second run changes nothing', async () => {
  const origin = await newStore()
  await publishOne(origin, '1.0.0')
  await publishOne(origin, '2.0.0')
  await publishOne(origin, '1.0.0', { channel: 'beta' })
  await publishOne(origin, '7.0.0', { app: 'io.example.agent' })
  const { url } = await served(origin)
  const own = await newStore()
  expect(await run(own, url, (one) => one === app)).toMatchObject({ steps: 4, stopped: [], refused: [] })
  expect(await ask(newReader(own), { channel: 'stable', version: '1.5.0' })).toBe('update 2.0.0')
  expect(await ask(newReader(own), { channel: 'beta', version: '0.1.0' })).toBe('update 1.0.0')
  expect(await ask(newReader(own), { app: 'io.example.agent' })).toBe('unknown-app')
  expect(await run(own, url, (one) => one === app)).toMatchObject({ steps: 0, stopped: [] })
})

const answering = async (channels: unknown, packages: unknown): Promise<string> => {
  const server = await serve(({ url = '' }, response) =>
    response.writeHead(200).end(JSON.stringify({ items: url.endsWith('channels') ? channels : packages })),
  )
  closing.push(() => server.close())
  return server.url
}
const channel = { appId: `{${app.toUpperCase()}}`, label: 'stable', version: '2.0.0', publish: true }
const one = {
  version: '2.0.0',
  url: 'https://files.example.org/update.gz',
  size: '7',
  sha1Sum: 'hZhlfFfiWFs9wbhypxqQLZytMnQ=',
}

test('what is not published there is held; what lacks a version or a package is said', async () => {
  const url = await answering(
    [
      { ...channel, publish: false },
      { ...channel, label: 'empty', version: '' },
      { ...channel, label: 'gone', version: '9' },
    ],
    [{ AppId: app, packages: [one, { ...one, version: '1.0.0' }] }],
  )
  const own = await newStore()
  const found = translateCoreUpdate(
    await readCoreUpdate(restOf(url)),
    'any',
    await knownNames(own.publisher),
    () => true,
  )
  expect(found.channels.map(({ channel, releases }) => [channel, releases])).toMatchObject([
    ['stable', [{ version: '2.0.0', board: 'any', held: 'not published in CoreUpdate' }]],
    ['empty', []],
    ['gone', []],
  ])
  expect(found.notes).toContain('empty: has no version in CoreUpdate: its machines are offered nothing')
  expect(found.notes).toContain(`${app}: 1 packages that no channel offers are left out`)
  expect(found.refused).toEqual([expect.stringMatching(/^gone: 9: http:\S+\/packages: \S+: has no such package$/)])
})

test.each([
  [
    'a name that leads elsewhere',
    { ...one, url: 'https://files.example.org/..%2f..%2fcatalog.jws' },
    /url: must be 1 to 128/,
  ],
  ['a digest that is none', { ...one, sha1Sum: 'abc' }, /sha1Sum: must be a SHA-1 in base64/],
  ['a name that cannot be read', { ...one, url: 'https://files.example.org/%ff.gz' }, /URI malformed/],
])('%s is refused', async (_, item, message) => {
  const url = await answering([channel], [{ AppId: app, packages: [item] }])
  expect((await run(await newStore(), url)).refused).toEqual([expect.stringMatching(message)])
})

test('lists that are none are refused by URL and field', async () => {
  const url = await answering([{ appId: app }], [])
  expect(await refusal(run(await newStore(), url))).toMatch(
    /^bad-document: http:\S+\/public\/channels: items\.0\.label: /,
  )
})
