/** Groups of fleets that moved here: names that no channel may have. */
import { describe, expect, test } from 'vitest'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { readCommand } from '../../src/channels/commands.ts'
import { planCommand } from '../../src/channels/execute-command.ts'
import { checkUpdateConf } from '../../src/clients/check.ts'
import { readClientConfig, renderClientConfig } from '../../src/clients/config.ts'
import { channelKey } from '../../src/documents/paths.ts'
import { isoText } from '../../src/kernel/format.ts'
import { groupOf, isGroup } from '../../src/kernel/group.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import { judge } from '../../src/publish-api/policy.ts'
import { parsePolicy } from '../../src/publish-api/policy-document.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { seal } from '../../src/trust/envelope.ts'
import { execute, renameChannel } from '../changes.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { app, ask, bytesOf, newReader, newStore, publishOne, refusal, storedCatalog, type TestStore } from '../world.ts'

const ref = { app, channel: 'stable' }
const [composed, decomposed] = ['Prüfstand Süd'.normalize('NFC'), 'Prüfstand Süd'.normalize('NFD')]

async function storeAt(format: number): Promise<TestStore> {
  const store = await newStore()
  await publishOne(store, '2')
  if (format === 1) return store
  const next = await editRoot(await loadRoot(store.publisher), { format }, isoText(store.time.now))
  await publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(next), store.keys.root))
  return store
}

const edit = ({ publisher }: TestStore, aliases: readonly string[] | null) =>
  execute(publisher, 'channel-edit', { ...ref, aliases })

async function manifestOf({ bucket }: TestStore, seq: number) {
  const { payload } = JSON.parse(Buffer.from(await bucket.read(channelKey(app, 'stable', seq))).toString())
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

describe('a store at format 1', () => {
  test('refuses such an alias, also in a dry run, and names the command', async () => {
    const store = await storeAt(1)
    const command = readCommand('channel-edit', { ...ref, aliases: ['My-dev.stable'] })
    const want = /^refused: the alias "My-dev.stable" needs format 2, and this store is at format 1/
    expect(await refusal(planCommand(store.publisher, command))).toMatch(want)
    expect(await refusal(edit(store, ['My-dev.stable']))).toMatch(want)
    await expect(edit(store, ['My-dev.stable'])).rejects.toMatchObject({
      hint: expect.stringContaining('`platte root format 2`'),
    })
    expect(await store.bucket.get(channelKey(app, 'stable', 2), 1e6)).toBeUndefined()
  })

  test('takes an alias that could be a channel, in documents of format 1', async () => {
    const store = await storeAt(1)
    await edit(store, ['my-dev.stable'])
    expect([(await manifestOf(store, 2)).format, (await storedCatalog(store)).format]).toEqual([1, 1])
  })
})

describe('a store at format 2', () => {
  test('answers such a group in either normal form, and the catalog is of format 1 before and after', async () => {
    const store = await storeAt(2)
    await publishOne(store, '2', { channel: 'beta' })
    expect((await storedCatalog(store)).format).toBe(1)
    await edit(store, ['My-dev.stable', decomposed])
    expect(await manifestOf(store, 2)).toMatchObject({ format: 2, aliases: ['My-dev.stable', composed] })
    expect(await storedCatalog(store)).toMatchObject({ format: 2 })
    for (const channel of ['My-dev.stable', composed, groupOf(decomposed), groupOf(`"${decomposed}" \r`)])
      expect(await ask(newReader(store), { channel })).toBe('update 2')
    for (const channel of ['my-dev.stable', 'Prüfstand  Süd', 'Prüfstand'])
      expect(await ask(newReader(store), { channel })).toBe('unknown-channel')
    await edit(store, null)
    expect((await storedCatalog(store)).format).toBe(1)
  })

  test('has each group once, whichever normal form is given', async () => {
    const store = await storeAt(2)
    await publishOne(store, '2', { channel: 'beta' })
    await edit(store, [composed])
    const other = execute(store.publisher, 'channel-edit', { app, channel: 'beta', aliases: [decomposed] })
    expect(await refusal(other)).toMatch(/^refused: "Prüfstand Süd" is already a name of channel stable/)
  })

  test('keeps it through a rename and a mirror', async () => {
    const store = await storeAt(2)
    await edit(store, [composed])
    await renameChannel(store.publisher, ref, 'steady')
    const to = { documents: memoryDocuments(), packages: memoryPackages(nodeHasher) }
    await mirror({ from: store.publisher, to }, { packages: 'all' })
    for (const documents of [store.bucket, to.documents])
      expect(await ask(newReader(store, { documents }), { channel: composed })).toBe('update 2')
  })
})

test.each<[string, boolean]>([
  ['a', true],
  ['My-dev.stable', true],
  ['a  b', true],
  ["it's #1 & <more>", true],
  ['../etc', true],
  ['__proto__', true],
  ['x'.repeat(128), true],
  ['🐧'.repeat(128), true],
  ['x'.repeat(129), false],
  ['🐧'.repeat(129), false],
  ['', false],
  [' a', false],
  ['a ', false],
  ['"a"', false],
  ['a\nb', false],
  ['a\tb', false],
  ['a\u0085b', false],
  ['a\u202eb', false],
  ['a\u2066b', false],
  ['a\u2028b', false],
  ['a\ud800b', false],
  [decomposed, false],
])('%j can be a group: %s', (text, isOne) => expect(isGroup(text)).toBe(isOne))

test('a policy names it, in either normal form', () => {
  const issuer = 'https://token.actions.githubusercontent.com'
  const policy = (allow: string) =>
    parsePolicy(
      JSON.stringify({
        ...{ v: 1, audience: 'https://updates.example.org' },
        issuers: { [issuer]: { jwks: `${issuer}/.well-known/jwks`, algs: ['RS256'] } },
        rules: [{ id: 'os', issuer, allow: [allow], actions: ['channel-edit'], claims: { repository_id: '1' } }],
      }),
    ).rules
  const wanted = { action: 'channel-edit', refs: [`os/${composed}`] }
  const claims = { repository_id: '1', event_name: 'push' }
  for (const allow of [`os/${composed}`, `os/${decomposed}`, 'os/Prüf*'])
    expect(judge(policy(allow), issuer, claims, wanted)).toMatchObject({ kind: 'allowed' })
  expect(judge(policy('os/Prüfstand'), issuer, claims, wanted)).toMatchObject({ kind: 'refused' })
})

test('update.conf has it as it is, and the check of one knows it', () => {
  const read = readClientConfig({ group: decomposed, url: 'https://updates.example.org' })
  const text = 'config' in read ? renderClientConfig('update.conf', read.config) : ''
  expect(text).toContain(`GROUP=${composed}\n`)
  const groups = [composed, 'team #1']
  expect(checkUpdateConf(text, { groups })).toEqual([])
  expect(checkUpdateConf(text.replace(composed, 'team #1'), { groups })).toEqual([])
  expect(checkUpdateConf(text.replace(composed, decomposed), { groups })).toEqual([])
  expect(checkUpdateConf(text.replace(composed, 'Prüfstand'), { groups })).toMatchObject([{ line: 1 }])
})
