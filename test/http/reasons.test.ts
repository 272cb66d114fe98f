/** Every reason for no update, made by what a store really holds: what the machine is told, what the log says, and what people are. */
import { beforeAll, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import type { Explanation } from '../../src/checks/explain.ts'
import { catalogKey, channelKey } from '../../src/documents/paths.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import type { Release } from '../../src/release/channel.ts'
import type { Reason } from '../../src/release/decide.ts'
import { createApp } from '../../src/runtime/app.ts'
import { holdRelease } from '../changes.ts'
import { app, bytesOf, day, newStore, publishOne, type TestStore } from '../world.ts'

const at = '2040-01-01T00:00:00Z'
const why = { reason: 'see <https://example.org/?a=1&b="2">' }
const escaped = 'see &lt;https://example.org/?a=1&amp;b=&quot;2&quot;&gt;'

/** What version 2 is in the channel of that reason, where version 1 is what machines run. */
const channels: Readonly<Partial<Record<Reason, Partial<Release>>>> = {
  'up-to-date': { boards: {} },
  held: {},
  'floor-held': { floor: why },
  withdrawn: { withdrawn: why },
  'dead-end': {},
  target: { target: { oem: { only: ['azure'] } } },
  'not-in-ramp': { ramp: [{ at, share: 1 }] },
  'outside-window': { windows: [{ days: ['Thu'], from: '04:00', to: '04:01', timeZone: 'UTC' }] },
  'version-prefix': {},
  'update-disabled': {},
  'rollback-disabled': { withdrawn: why },
  'fell-back': {},
  'no-package': { boards: { 'amd64-usr': { oci: `quay.io/fedora/fedora-coreos@sha256:${'0'.repeat(64)}` } } },
  'not-mirrored': {},
  unverifiable: {},
}

let store: TestStore

async function makeChannel(channel: string, fields: Partial<Release>): Promise<void> {
  // The same versions again, without what other channels made of them.
  const order = { channel, ignoreHolds: true, skipFloors: true } as const
  await publishOne(store, '1', order)
  if (channel === 'up-to-date') return
  for (const version of channel === 'floor-held' ? ['2', '3'] : ['2']) await publishOne(store, version, order)
  await commitChannel(store.publisher, { app, channel }, (current) => ({
    ...current,
    ...(channel === 'rollback-disabled' && { rollbackFrom: ['2'] }),
    releases: current.releases.map((one) => {
      if (one.version === '1') return channel === 'dead-end' ? { ...one, deadEnd: why } : one
      return one.version === '2' ? { ...one, ...fields } : one
    }),
  }))
}

beforeAll(async () => {
  store = await newStore({ format: 2 })
  for (const [channel, fields] of Object.entries(channels)) await makeChannel(channel, fields)
  await refresh(store.publisher)
  for (const channel of ['held', 'floor-held'])
    await holdRelease(store.publisher, { app, channel }, { version: '2', ...why })
  store.bucket.erase(channelKey(app, 'not-mirrored', 3))
  await store.bucket.overwrite(channelKey(app, 'unverifiable', 3), bytesOf('{"payload":"'))
})

interface Told {
  /** `_no_update_reason`, as it stands in the answer. */
  readonly machine: string
  /** What `/v1/explain` says with the token; absent where only the machine itself can know. */
  readonly operator?: string
  /** What the machine adds to its request. */
  readonly updatecheck?: string
  readonly event?: string
  /** What it says to everybody, where that is something else. */
  readonly everybody?: string
}

/** A new reason breaks the build here until it is shown. */
const rows: Readonly<Record<Reason, Told>> = {
  'unknown-app': { machine: 'unknown-app', operator: 'no update: this app is not in the catalog' },
  'unknown-channel': { machine: 'unknown-channel', operator: 'no update: this app has no channel of that name' },
  'no-release-for-board': {
    machine: 'no-release-for-board',
    operator: 'no update: this channel has no release for that board',
  },
  'up-to-date': {
    machine: 'up-to-date',
    operator: 'no update: this channel offers nothing newer than the machine runs',
  },
  held: { machine: `held: ${escaped}`, operator: `no update: 2 is held (${why.reason})` },
  'floor-held': {
    machine: `floor-held: ${escaped}`,
    operator: `no update: it must install the floor 2 first, and that one is held or withdrawn (${why.reason})`,
  },
  withdrawn: { machine: `withdrawn: ${escaped}`, operator: `no update: 2 was withdrawn (${why.reason})` },
  'dead-end': {
    machine: `dead-end: ${escaped}`,
    operator: `no update: 1, which it runs, is a dead end: no update is offered from it (${why.reason})`,
  },
  target: { machine: 'target', operator: 'no update: 2 is not for this machine (it is for OEM azure only)' },
  'not-in-ramp': { machine: 'not-in-ramp', operator: 'no update: 2 has not reached this machine yet' },
  'outside-window': { machine: 'outside-window', operator: 'no update: 2 is offered in its windows only' },
  'version-prefix': {
    machine: 'version-prefix',
    updatecheck: 'targetversionprefix="1."',
    operator: 'no update: 2 does not match the version prefix that the machine requests',
  },
  'update-disabled': { machine: 'update-disabled', updatecheck: 'updatedisabled="true"' },
  'rollback-disabled': { machine: 'rollback-disabled', updatecheck: 'rollback_allowed="false"' },
  'fell-back': { machine: 'fell-back', event: '<event eventtype="3" eventresult="0" errorcode="44"/>' },
  'no-package': { machine: 'no-package' },
  'not-mirrored': {
    machine: 'not-mirrored',
    operator: `no update: this store lacks the manifest of that channel, or packages of the release (${channelKey(app, 'not-mirrored', 3)} is not in the store)`,
    everybody: 'no update: this store lacks the manifest of that channel, or packages of the release',
  },
  'catalog-expired': {
    machine: 'catalog-expired',
    operator:
      'no update: the catalog or the root has expired: it must be refreshed before anything is offered (catalog: expired at 2026-12-07 06:00:00 UTC)',
    everybody: 'no update: the catalog or the root has expired: it must be refreshed before anything is offered',
  },
  'store-unavailable': {
    machine: 'store-unavailable',
    operator: 'no update: the store did not answer (no answer)',
    everybody: 'no update: the store did not answer',
  },
  clock: {
    machine: 'clock',
    operator:
      'no update: the content of the store is dated in the future: the clock of this server or of the signer is wrong (root 1: was issued at 2026-11-23 06:00:00 UTC, 3 days ahead of the clock here)',
    everybody:
      'no update: the content of the store is dated in the future: the clock of this server or of the signer is wrong',
  },
  unverifiable: {
    machine: 'unverifiable',
    operator: `no update: the content of the store could not be verified (${app}/unverifiable: 12 bytes, the catalog says 1159)`,
    everybody: 'no update: the content of the store could not be verified',
  },
}

/** The endpoint in the state of a reason. */
function open(reason: Reason, explain: 'public' | { token: string }, log: LogEntry[]) {
  const { documents } = store.publisher
  const get: typeof documents.get = (key, maxBytes, known) => {
    if (reason === 'store-unavailable' && key === catalogKey) throw new PlatteError('store-unavailable', 'no answer')
    return documents.get(key, maxBytes, known)
  }
  const clock = () => store.time.now + (reason === 'catalog-expired' ? 60 * day : reason === 'clock' ? -3 * day : 0)
  return createApp({
    cache: newCatalogCache(),
    reader: { ...store.publisher, documents: { ...documents, get }, clock },
    packages: store.publisher.packages,
    events: (event) => void log.push(event),
    publicUrl: 'https://updates.example.org',
    explain,
    background: () => undefined,
  })
}

const placeOf = (reason: Reason) => ({
  app: reason === 'unknown-app' ? 'another.app' : app,
  channel: reason in channels ? reason : reason === 'unknown-channel' ? 'nowhere' : 'held',
  board: reason === 'no-release-for-board' ? 'riscv' : 'amd64-usr',
})

test.each([
  ['updatedisabled="1"', 'update-disabled'],
  ['updatedisabled="True"', 'update-disabled'],
  ['rollback_allowed="0"', 'rollback-disabled'],
  ['rollback_allowed="FALSE"', 'rollback-disabled'],
] as const)('a client that writes %s', async (updatecheck, reason) => {
  const { app, channel, board } = placeOf(reason)
  const version = reason === 'rollback-disabled' ? '2' : '1'
  const body = `<request protocol="3.0"><app appid="${app}" version="${version}" track="${channel}" board="${board}"><updatecheck ${updatecheck}/></app></request>`
  const answer = await open(reason, 'public', []).request('/v1/update/', { method: 'POST', body })
  expect(await answer.text()).toContain(`_no_update_reason="${reason}"`)
})

test.each(Object.entries(rows) as [Reason, Told][])(
  '%s',
  async (reason, { machine, operator, everybody = operator, updatecheck = '', event = '' }) => {
    const log: LogEntry[] = []
    const ref = placeOf(reason)
    const version = reason === 'rollback-disabled' ? '2' : '1'
    const body = `<request protocol="3.0"><app appid="${ref.app}" version="${version}" track="${ref.channel}" board="${ref.board}"><updatecheck ${updatecheck}/>${event}</app></request>`
    const answer = await open(reason, 'public', log).request('/v1/update/', { method: 'POST', body })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain(`<updatecheck status="noupdate" _no_update_reason="${machine}"/>`)
    expect(log.filter(({ event }) => event === 'contact')).toMatchObject([{ decision: 'no-update', reason }])
    if (operator === undefined) return
    const sentences = await Promise.all(
      (['public', { token: 'a-token-that-is-long-enough' }] as const).map(async (explain) => {
        const query = new URLSearchParams({ ...ref, version, ...(reason === 'version-prefix' && { prefix: '1.' }) })
        const headers = { authorization: 'Bearer a-token-that-is-long-enough' }
        const told = await open(reason, explain, []).request(`/v1/explain?${query}`, { headers })
        const explained = (await told.json()) as Explanation
        expect(explained).toMatchObject({ decision: 'no-update', reason })
        return explained.sentence
      }),
    )
    expect(sentences).toEqual([everybody, operator])
  },
)
