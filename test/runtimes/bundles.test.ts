/** Bundles as files: one store makes one, whatever the network does. */
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { endBundle, exportBundle } from '../../src/mirroring/bundle.ts'
import { newStore, publishOne, refusal } from '../world.ts'

const folder = mkdtempSync(join(tmpdir(), 'platte-bundles-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('it has the same bytes in every build, whatever the loading order of its packages', async () => {
  const { publisher } = await newStore()
  for (const version of ['1', '2', '3']) await publishOne({ publisher }, version)
  const exported = async (delays: number[]): Promise<Buffer> => {
    const open: typeof publisher.packages.open = async (...args) => {
      await sleep(delays.shift())
      return publisher.packages.open(...args)
    }
    const out = createWriteStream(join(folder, 'bundle.tar'))
    const store = { ...publisher, packages: { ...publisher.packages, open } }
    const { packages } = await exportBundle(store, out, { packages: 'all', since: 0 })
    expect([packages, delays]).toEqual([3, []])
    await endBundle(out)
    return readFileSync(join(folder, 'bundle.tar'))
  }
  expect(await exported([30, 15, 0])).toEqual(await exported([0, 15, 30]))
})

test.each<readonly [string, object]>([
  ['written last', { final: (done: (error: Error) => void) => done(new Error('no space left')) }],
  [
    'written when it is closed',
    { destroy: (_: unknown, done: (error: Error) => void) => done(new Error('no space left')) },
  ],
])('what cannot be %s is an error', async (_, options) => {
  const { publisher } = await newStore()
  const out = new Writable({ write: (_, __, done) => done(), ...options })
  await exportBundle(publisher, out, { packages: 'all', since: 0 })
  expect(await refusal(endBundle(out))).toBe('store-unavailable: the bundle cannot be written: no space left')
})

test('a file that cannot be made is named', async () => {
  const { publisher } = await newStore()
  const out = createWriteStream(join(folder, 'none', 'bundle.tar'))
  expect(await refusal(exportBundle(publisher, out, { packages: 'all', since: 0 }))).toMatch(/: ENOENT: /)
})
