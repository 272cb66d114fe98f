/**
 * Nebraskas that copy a channel of Platte: stand-ins that ask, store and give up by the rules of nebraska's syncer.go, one
 * for each architecture, hosting packages and not.
 */

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { markRelease } from '../../src/release/edits.ts'
import { editChannel } from '../changes.ts'
import { payloadText } from '../payloads.ts'
import { syncerBody } from '../protocol/samples.ts'
import { appOf } from '../served.ts'
import { app, newStore, publishOne, sourceOf, type TestStore } from '../world.ts'

const floors = [1, 2, 3, 4, 5, 6, 7].map((i) => `400${i}.0.0`)
const target = '4010.0.0'
const boards = ['amd64-usr', 'arm64-usr'] as const

type Send = (path: string, init?: RequestInit) => Promise<Response>

interface StoredPackage {
  readonly url: string
  readonly sha256: string
  readonly size: number
  isFloor: boolean
}

const attribute = (text: string, name: string): string => new RegExp(`${name}="([^"]*)"`).exec(text)?.[1] ?? ''
const sha256 = (bytes: ArrayBuffer): string => createHash('sha256').update(new Uint8Array(bytes)).digest('base64')

/** What one Nebraska keeps of one channel and architecture. */
function newSyncer(send: Send, { arch, isHosting }: { readonly arch: 'x64' | 'arm'; readonly isHosting: boolean }) {
  const name = arch === 'arm' ? 'syncer-multi-arm64' : 'syncer-multi-amd64'
  const packages = new Map<string, StoredPackage>()
  let current = '766.0.0'

  /** Reads and keeps one manifest; a package whose bytes are wrong aborts the pass. */
  async function store(manifest: string, codebase: string): Promise<void> {
    const version = attribute(manifest, 'version')
    const isFloor = attribute(manifest, 'is_floor') === 'true'
    const known = packages.get(version)
    if (known) {
      known.isFloor ||= isFloor
      return
    }
    const [digest, size] = [
      attribute(/<action [^>]*>/.exec(manifest)?.[0] ?? '', 'sha256'),
      attribute(manifest, 'size'),
    ]
    const url = `${codebase}${attribute(/<package [^>]*>/.exec(manifest)?.[0] ?? '', 'name')}`
    if (isHosting) {
      const bytes = await (await send(new URL(url).pathname)).arrayBuffer()
      if (sha256(bytes) !== digest) throw new Error(`${url} is not ${digest}`)
    }
    packages.set(version, { url, sha256: digest, size: Number(size), isFloor })
  }

  return {
    packages,
    channel: () => current,
    /** One pass. @returns whether it moved on. */
    async sync(): Promise<boolean> {
      const body = syncerBody(name).replaceAll('766.0.0', current)
      const answer = await (await send('/v1/update/', { method: 'POST', body })).text()
      if (!answer.includes('<updatecheck status="ok">')) return false
      const manifests = answer.match(/<manifest .*?<\/manifest>/g) ?? []
      for (const manifest of manifests) await store(manifest, attribute(answer, 'codebase'))
      const last = manifests.findLast((one) => attribute(one.slice(0, one.indexOf('>')), 'is_target') === 'true')
      if (last === undefined) throw new Error('no manifest is the target')
      current = attribute(last, 'version')
      return true
    },
  }
}

async function open(): Promise<{ readonly store: TestStore; readonly send: Send }> {
  const store = await newStore()
  for (const board of boards)
    for (const version of [...floors, '4008.0.0', target])
      await publishOne(store, version, { board, sources: [sourceOf('update.gz', `CrAU ${board} ${version}`)] })
  for (const version of floors)
    await editChannel(store.publisher, { app, channel: 'stable' }, (one) =>
      markRelease(one, version, { mark: 'floor', because: { reason: `step ${version}` } }),
    )
  const server = appOf(store.publisher)
  return { store, send: async (path, init) => server.request(path, init) }
}

test.each([
  ['x64', true],
  ['x64', false],
  ['arm', true],
  ['arm', false],
] as const)('a syncer for %s (hosting: %s) passes seven floors, each with its own bytes', async (arch, isHosting) => {
  const { send } = await open()
  const syncer = newSyncer(send, { arch, isHosting })
  const seen: string[] = []
  while (await syncer.sync()) seen.push(syncer.channel())
  expect(seen).toEqual([...floors, target])
  const board = arch === 'arm' ? 'arm64-usr' : 'amd64-usr'
  for (const [version, { url, sha256: digest, isFloor }] of syncer.packages) {
    const bytes = await (await send(new URL(url).pathname)).arrayBuffer()
    expect(new TextDecoder().decode(bytes)).toBe(payloadText(`CrAU ${board} ${version}`))
    expect(digest).toBe(sha256(bytes))
    expect(isFloor).toBe(floors.includes(version))
  }
  expect(syncer.packages.size).toBe(8)
})

test.each(['arm', 'x86', 'riscv64'])(
  'a machine that sends arch %s and no board gets no packages of another',
  async (arch) => {
    const { send } = await open()
    const body = `<request protocol="3.0"><os arch="${arch}" sp="766.0.0_x86_64"/><app appid="${app}" version="1.0.0" track="stable"><ping/><updatecheck/></app></request>`
    expect(await (await send('/v1/update/', { method: 'POST', body })).text()).toContain('no-release-for-board')
  },
)
