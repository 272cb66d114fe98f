/** Installers and patches: what is published beside a package is offered to those that can use it. */
import { describe, expect, test } from 'vitest'
import { publish } from '../../src/channels/publish.ts'
import type { Source } from '../../src/channels/staging.ts'
import { newStore, orderOf, sourceOf, type TestStore } from '../world.ts'
import { check4, check31, extension, gupdateApp, gupdateQuery } from './samples.ts'
import { serveDialects } from './server.ts'

const from = 'a1'.repeat(32)
const install = { run: 'bin/setup.exe', arguments: '--silent "--a b"', minBrowser: '150.0' }
const sources = (more: Partial<Source> = { install }): readonly [Source, ...Source[]] => [
  { ...sourceOf('app.crx', 'Cr24 whole'), ...more },
  { ...sourceOf('a.puff', 'PUF1'), patch: { from, kind: 'puff' } },
  { ...sourceOf('a.zucc', 'Zucc'), patch: { from, kind: 'zucc' } },
]
const publishIn = ({ publisher }: TestStore, version = '2.0', one = sources()) =>
  publish(publisher, orderOf(version, { app: extension, board: 'any', sources: one, raw: true }))

describe('under format 2', async () => {
  const store = await newStore({ format: 2 })
  await publishIn(store)
  const { ask, get, contacts } = serveDialects(store)
  const updateOf = async (body: object) => {
    const { apps, app } = await ask(body)
    return (apps ?? app)[0].updatecheck
  }
  const crx3 = {
    ...{ type: 'crx3', in: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
    ...{ path: 'bin/setup.exe', arguments: '--silent "--a b"' },
  }
  const typesOf = ({ pipelines }: { pipelines: { operations: { type: string }[] }[] }) =>
    pipelines.map(({ operations }) => operations.map(({ type }) => type).join(' '))

  test('4.0: patches first, and the program of the package', async () => {
    const { pipelines } = await updateOf(check4())
    expect(typesOf({ pipelines })).toEqual(['download puff crx3', 'download zucc crx3', 'download crx3'])
    const [[download, puff, unpack], , [, whole]] = pipelines.map((one: { operations: object[] }) => one.operations)
    expect(download).toMatchObject({ size: 4, urls: [{ url: expect.stringMatching(/\/a\.puff$/) }] })
    expect(puff).toEqual({ type: 'puff', previous: { sha256: from }, out: whole.in })
    expect([unpack, whole]).toEqual([crx3, crx3])
    expect(await (await get(new URL(download.urls[0].url).pathname)).text()).toBe('PUF1')
  })

  test.each([
    ['another file at hand', check4({ cached_items: [{ sha256: 'b2'.repeat(32) }] }), ['download crx3']],
    ['nothing at hand', check4({ cached_items: [] }), ['download crx3']],
    ['no zucchini', check4({}, { acceptformat: 'crx3,download,puff' }), ['download puff crx3', 'download crx3']],
    ['nothing said', check4({}, { acceptformat: '' }), ['download crx3']],
  ])('4.0 with %s', async (_, body, types) => {
    expect(typesOf(await updateOf(body))).toEqual(types)
  })

  test.each([
    [{ packages: { package: [{ fp: `1.${from}` }] } }, 'a.puff'],
    [{ packages: {}, fp: `1.${from}` }, 'a.puff'],
    [{}, undefined],
  ])('3.1 of %j', async (has, namediff) => {
    const { urls, manifest } = await updateOf(check31({ appid: extension, version: '1.0', ...has }))
    expect(manifest).toMatchObject({ prodversionmin: '150.0', run: 'bin/setup.exe', arguments: '--silent "--a b"' })
    expect(manifest.packages.package).toHaveLength(1)
    expect(manifest.packages.package[0].namediff).toBe(namediff)
    const [{ codebase }] = urls.url
    expect(urls.url).toEqual([{ codebase }, ...(namediff ? [{ codebasediff: codebase }] : [])])
  })

  test('a browser that is too old is offered nothing', async () => {
    const info = 'target'
    for (const body of [check4, check31])
      expect(await updateOf(body({ appid: extension, version: '1.0' }, { prodversion: '149.9.1' }))).toEqual({
        ...{ status: 'noupdate', info },
      })
    expect(contacts.at(-1)).toMatchObject({ because: 'it needs version 150.0 of the browser' })
    const asked = `/service/update2/crx${gupdateQuery([gupdateApp()])}`
    expect(await (await get(asked)).text()).toContain(' version="2.0" prodversionmin="150.0" ')
    const old = await (await get(asked.replace('prodversion=156', 'prodversion=99'))).text()
    expect(old).toContain(`<updatecheck status="noupdate" info="${info}"/>`)
  })

  test('explain names the first browser', async () => {
    const answer = await get(`/v1/explain?app=${extension}&channel=stable&version=1&board=any`)
    expect(await answer.json()).toMatchObject({ offered: '2.0', note: 'a browser below version 150.0 gets no update' })
  })

  test('XML has the package alone', async () => {
    const body = `<request protocol="3.0"><app appid="${extension}" version="1.0" track="stable" board="any"><updatecheck/></app></request>`
    const { post } = serveDialects(store)
    expect((await (await post(body, '/v1/update/')).text()).match(/<package name="[^"]*"/g)).toEqual([
      '<package name="app.crx"',
    ])
  })

  test('a version has one program for good', async () => {
    expect((await publishIn(store)).kind).toBe('unchanged')
    const other = publishIn(store, '2.0', sources({ install: { run: 'evil.exe' } }))
    await expect(other).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('is already in') })
  })

  test.each([
    ['a path out of the package', sources({ install: { run: '../setup.exe' } }), 'must be a path inside the package'],
    ['an absolute path', sources({ install: { run: '/bin/sh' } }), 'must be a path inside the package'],
    ['arguments of nothing', sources({ install: { arguments: '-x' } }), 'arguments of no program'],
    ['a patch alone', sources({ patch: { from, kind: 'puff' } }), 'begins with a patch'],
  ])('%s is refused', async (_, one, problem) => {
    await expect(publishIn(store, '3.0', one)).rejects.toMatchObject({ message: expect.stringContaining(problem) })
  })
})

test('under format 1 it is refused, and nothing else', async () => {
  const store = await newStore()
  await expect(publishIn(store)).rejects.toMatchObject({
    ...{ code: 'refused', message: expect.stringContaining('needs format 2') },
  })
  const plain: readonly [Source] = [sourceOf('app.crx', 'Cr24 whole')]
  expect((await publishIn(store, '2.0', plain)).kind).toBe('published')
})
