/** The guard of a channel, as operators set it. */
import { expect, test } from 'vitest'
import { summarise } from '../../src/catalog/summary.ts'
import { parseGuard } from '../../src/cli/options.ts'
import { channelKey } from '../../src/documents/paths.ts'
import { changeLine } from '../../src/release/diff.ts'
import { execute, renameChannel } from '../changes.ts'
import { serve } from '../pages/store.ts'
import { app, ask, newReader, newStore, publishOne, refusal, type TestStore } from '../world.ts'

const ref = { app, channel: 'stable' }
const guard = { failures: 0.05, fellBack: 0.02, atLeast: 20, within: 'PT24H' }

async function storeAt(format: 1 | 2): Promise<TestStore> {
  const store = await newStore({ format })
  await publishOne(store, '2')
  return store
}

const setGuard = ({ publisher }: TestStore, value: unknown) =>
  execute(publisher, 'channel-edit', { ...ref, guard: value })

async function manifestOf({ bucket }: TestStore, seq: number, channel = 'stable') {
  const { payload } = JSON.parse(Buffer.from(await bucket.read(channelKey(app, channel, seq))).toString())
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

test('is signed with the channel, shown, and removed', async () => {
  const store = await storeAt(2)
  const { changes } = await setGuard(store, guard)
  expect(changes.map(changeLine)).toEqual(['+ guard: failures 5 %, fell back 2 %, at least 20 machines, within 24h'])
  expect(await manifestOf(store, 2)).toMatchObject({ format: 2, guard })
  expect((await summarise(store.publisher)).channels).toMatchObject([{ guard }])
  expect(await ask(newReader(store))).toBe('update 2')
  await execute(store.publisher, 'channel-edit', { ...ref, description: 'x' })
  expect(await manifestOf(store, 3)).toMatchObject({ guard, description: 'x' })
  await renameChannel(store.publisher, ref, 'other')
  expect(await manifestOf(store, 1, 'other')).toMatchObject({ guard })
  await execute(store.publisher, 'channel-edit', { app, channel: 'other', guard: null })
  expect(await manifestOf(store, 2, 'other')).not.toHaveProperty('guard')
})

test('needs format 2', async () => {
  const store = await storeAt(1)
  expect(await refusal(setGuard(store, guard))).toMatch(
    /^refused: a guard needs format 2, and this store is at format 1/,
  )
  await execute(store.publisher, 'channel-edit', { ...ref, guard: null, description: 'x' })
  expect((await manifestOf(store, 2)).format).toBe(1)
})

test.each([
  [{ atLeast: 20, within: 'PT24H' }, /guard: needs a limit: failures or fellBack/],
  [{ ...guard, failures: 0 }, /guard.failures: must be 0.1 % to 50 %/],
  [{ ...guard, fellBack: 0.6 }, /guard.fellBack: must be 0.1 % to 50 %/],
  [{ ...guard, atLeast: 0 }, /guard.atLeast/],
  [{ ...guard, within: '24h' }, /guard.within: must be a duration/],
  [{ ...guard, more: 1 }, /guard.more/],
])('%o is refused', async (value, want) => {
  expect(await refusal(setGuard(await storeAt(2), value))).toMatch(want)
})

test.each([
  ['failures=5%,fell-back=2%,at-least=20,within=24h', guard],
  [' fell-back=0.02 , within=P2D', { fellBack: 0.02, atLeast: 20, within: 'P2D' }],
  ['failures=5%', { failures: 0.05, atLeast: 20, within: 'PT24H' }],
])('--guard %s', (text, want) => expect(parseGuard(text)).toEqual(want))

test.each(['failures', 'failures=', 'failures=5%,failures=6%', 'failures=x', 'toString=1', 'a=1', '', 'failures=1=2'])(
  '--guard %s is refused',
  (text) => expect(() => parseGuard(text)).toThrow(/Use /),
)

test('is on the page of the channel in both languages, and in its JSON', async () => {
  const store = await storeAt(2)
  await setGuard(store, guard)
  const site = serve(store)
  for (const [language, name] of [
    ['en', 'Guard'],
    ['zh', '自动暂停'],
  ] as const) {
    const answer = await site.request(`/channels/${app}/stable`, { headers: { 'accept-language': language } })
    const text = (await answer.text()).replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
    expect(text).toContain(`${name} failures 5 %, fell back 2 %, at least 20 machines, within 24h`)
  }
  expect(await (await site.request(`/v1/channels/${app}/stable`)).json()).toMatchObject({ guard })
})
