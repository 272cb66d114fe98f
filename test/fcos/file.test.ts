/** A stream in adopt.toml: what may be left out, and a server that adopts it. */
import { afterEach, expect, test } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { parseAdoptFile } from '../../src/upstreams/adopt-file.ts'
import { openAdopting } from '../../src/upstreams/adopt-loop.ts'
import { newStore, storedCatalog } from '../world.ts'
import { type Builds, startBuilds } from './streams.ts'

let server: Builds | undefined
afterEach(() => server?.close())

const parse = (lines: string) => parseAdoptFile(`[[adopt]]\n${lines}`, { file: 'adopt.toml', app: 'fedora-coreos' })

test('channel and boards come from the stream, and may be named', () => {
  const upstream = 'fcos:https://builds.example.org/updates/stable.json'
  const least = `upstream = "${upstream}"\nas = "stable"\n`
  expect(parse(least).entries).toMatchObject([{ upstream, chosen: {}, adoption: { to: 'stable' } }])
  const named = parse(`${least}channel = "stable"\nboards = ["x86_64"]\nreleasesJson = "https://b.example.org/r.json"`)
  expect(named.entries).toMatchObject([
    { releasesJson: 'https://b.example.org/r.json', chosen: { channel: 'stable', boards: ['x86_64'] } },
  ])
})

test.each(['channel', 'boards'])('an Omaha server needs %s', (missing) => {
  const all = { channel: 'channel = "stable"', boards: 'boards = ["amd64-usr"]' }
  const others = Object.entries(all).flatMap(([name, line]) => (name === missing ? [] : [line]))
  const text = ['upstream = "omaha:https://updates.example.org/v1/update/"', 'as = "prod"', ...others].join('\n')
  expect(() => parse(text)).toThrow(`adopt.toml: adopt.0.${missing}: is missing`)
})

test('a server adopts it, and its log names the origin', async () => {
  server = await startBuilds()
  const { place, url } = server
  const { publisher, packages, log, ...store } = await newStore({ format: 2 })
  const { close } = await openAdopting(
    { file: 'adopt.toml', app: 'fedora-coreos' },
    {
      openWriter: async () => publisher,
      ...{ packages, newHasher: nodeHasher, transport: nodeTransport() },
      readText: async () => `[[adopt]]\nupstream = "${place}"\nas = "stable"\ncreate = true\n`,
    },
  )
  await expect
    .poll(() => log, { timeout: 30_000 })
    .toContainEqual({
      ...{ level: 'info', event: 'adopt', app: 'fedora-coreos', channel: 'stable', kind: 'changed', seq: 1 },
      upstream: new URL(url).origin,
    })
  await close?.()
  expect(Object.keys((await storedCatalog(store)).apps['fedora-coreos']?.channels ?? {})).toEqual(['stable'])
})
