import { expect, test } from 'vitest'
import { asAgreed } from '../../src/apply/agreed.ts'
import { checkConfig } from '../../src/apply/check.ts'
import { commitApply, previewApply } from '../../src/apply/commit.ts'
import { exportConfig } from '../../src/apply/export.ts'
import { parseConfigFile, placed } from '../../src/apply/file.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { holdRelease } from '../changes.ts'
import { countWrites, faulty } from '../faults/scene.ts'
import { app, ask, newKey, newReader, newStore, publishOne, refusal, storedCatalog, type TestStore } from '../world.ts'
import { applyFile, baseStore, copyOf, fileOf, planFile } from './scene.ts'

const base = await baseStore()
const stable = (members: object): object => fileOf({ stable: members })

test('one manifest for each channel that changes, and one catalog', async () => {
  const store = await copyOf(base)
  const file = fileOf(
    {
      beta: { description: 'for the brave', floors: { 2: 'disk layout' }, holds: { 3: 'boot loop' } },
      edge: { follow: { channel: 'beta', after: '7d' } },
      stable: {},
    },
    { name: 'Flatcar' },
  )
  const keys = await countWrites(store, (writer) => applyFile(writer, file))
  expect(keys).toEqual([`apps/${app}/beta/0000000004.jws`, `apps/${app}/edge/0000000001.jws`, 'catalog.jws'])
  expect(await countWrites(store, (writer) => applyFile(writer, file))).toEqual([])
  const { name, channels } = (await storedCatalog(store)).apps[app] ?? {}
  expect({ name, holds: channels?.beta?.holds }).toMatchObject({ name: 'Flatcar', holds: [{ reason: 'boot loop' }] })
  expect(await ask(newReader(store), { channel: 'edge' })).toBe('up-to-date')
})

test('what a file does not mention stays; false and empty values remove; --prune removes the rest', async () => {
  const store = await copyOf(base)
  const window = { days: ['Mon'], from: '01:00', to: '02:00', time_zone: 'UTC' }
  const members = { description: 'one', aliases: ['lts'], windows: [window], floors: { 1: 'why' }, holds: { 2: 'why' } }
  await applyFile(store.publisher, fileOf({ stable: members, edge: {} }))
  await applyFile(store.publisher, stable({ cadence: { every: '28d' } }))
  const exported = async (): Promise<object> => {
    const { apps } = (await exportConfig(store.publisher)) as { apps: Record<string, { channels: object }> }
    return apps[app]?.channels ?? {}
  }
  expect(await exported()).toMatchObject({ stable: { ...members, cadence: { every: '28d' } }, edge: {} })
  await applyFile(store.publisher, stable({ description: '', aliases: [], windows: false, floors: { 1: false } }))
  expect(await exported()).toMatchObject({ stable: { cadence: { every: '28d' }, holds: { 2: 'why' } }, edge: {} })
  expect((await exported()) as { stable: object }).not.toHaveProperty('stable.floors')
  const all = { alpha: {}, beta: {}, stable: { description: 'two' } }
  expect(await applyFile(store.publisher, fileOf(all), true)).toMatchObject({ kind: 'changed' })
  expect(await exported()).toEqual(all)
  expect(await ask(newReader(store), { channel: 'edge' })).toBe('unknown-channel')
})

test.each<[string, object, string]>([
  ['a floor that is not there', { floors: { 9: 'why' } }, 'stable.floors.9: there is no such release'],
  [
    'a floor that is a dead end',
    { floors: { 1: 'a' }, dead_ends: { 1: 'b' } },
    'dead_ends.1: 1 would be a floor and a dead end',
  ],
  ['a hold of no board', { holds: { 2: { arm: 'why' } } }, 'stable.holds.2.arm: no such board'],
  ['a name that is taken', { aliases: ['beta'] }, 'stable.aliases: "beta" is already a name of channel beta'],
  ['a source that is not there', { follow: { channel: 'edge' } }, 'stable.follow: '],
  ['itself', { follow: { channel: 'stable' } }, 'stable.follow: stable cannot follow itself'],
])('refused: %s, and nothing is written', async (_, members, message) => {
  const store = await copyOf(base)
  const { faults, documents } = faulty(store.publisher)
  expect(await refusal(applyFile({ ...store.publisher, documents }, stable(members)))).toContain(message)
  expect(faults.writes).toBe(0)
})

test('a version can be held before it comes, with a warning', async () => {
  const store = await copyOf(base)
  const { channels } = await applyFile(store.publisher, stable({ holds: { 3: 'not yet' } }))
  expect(channels[0]?.warnings).toEqual([expect.stringContaining('stable.holds.3: not there yet')])
  await publishOne(store, '3', { ignoreHolds: true })
  expect(await ask(newReader(store))).toBe('update 2')
})

test('refused: pruning a channel that has releases', async () => {
  expect(await refusal(planFile(base.publisher, stable({}), true))).toContain(
    'alpha is not in the file, and has 4 releases',
  )
})

test('refused: a file of an app that the store does not have', async () => {
  const hintOf = (store: TestStore) => exportConfig(store.publisher, 'other').catch(({ hint }: PlatteError) => hint)
  expect(await hintOf(await copyOf(base))).toBe(`there are ${app}`)
  expect(await hintOf(await newStore())).toBe('the store has none yet: write the file by hand, or publish first')
})

test('refused: two levels of following, in one file', async () => {
  const file = fileOf({ beta: { follow: { channel: 'alpha' } }, stable: { follow: { channel: 'beta' } } })
  expect(await refusal(planFile(base.publisher, file))).toContain('beta follows alpha: it cannot be followed')
})

test('says what reaches more machines at once, also by a follower that the file does not name', async () => {
  const store = await copyOf(base)
  await applyFile(store.publisher, fileOf({ stable: { holds: { 2: 'why' } }, edge: { follow: { channel: 'stable' } } }))
  const { reach = [] } = await applyFile(store.publisher, stable({ holds: { 2: false } }))
  expect(reach).toEqual([
    'stable: 2 goes from 0 % to 100 % of machines at once',
    'edge: 2 goes from 0 % to 100 % of machines at once',
  ])
  expect(await applyFile(store.publisher, stable({ holds: { 2: 'again' } }))).not.toHaveProperty('reach')
})

test('names move between channels in one file', async () => {
  const store = await copyOf(base)
  await applyFile(store.publisher, fileOf({ stable: { aliases: ['lts'] } }))
  expect(await ask(newReader(store), { channel: 'lts' })).toBe('update 2')
  await applyFile(store.publisher, fileOf({ beta: { aliases: ['lts'] }, stable: { aliases: [] } }))
  expect(await ask(newReader(store), { channel: 'lts' })).toBe('update 3')
})

test('a guard needs format 2, and says so', async () => {
  const store = await newStore()
  await publishOne(store, '1')
  expect(await refusal(applyFile(store.publisher, stable({ guard: { failures: '5%' } })))).toContain('format 2')
})

test('without the timestamp key manifests wait for a refresh, and holds are refused before anything is written', async () => {
  const store = await copyOf(base)
  const publisher = { ...store.publisher, timestamp: [] }
  expect(await applyFile(publisher, stable({ floors: { 2: 'why' } }))).toMatchObject({
    kind: 'changed',
    inForce: false,
  })
  expect(await applyFile(publisher, stable({ floors: { 2: 'why' } }))).toMatchObject({ kind: 'unchanged' })
  await refresh(store.publisher)
  const { faults, documents } = faulty(publisher)
  const both = stable({ description: 'x', holds: { 2: 'why' } })
  expect(await refusal(applyFile({ ...publisher, documents }, both))).toMatch(/^credentials/)
  expect(faults.writes).toBe(0)
})

test('a schedule that comes between names nothing without its holds, and other changes wait until the run is repeated', async () => {
  const store = await copyOf(base)
  const file = stable({ follow: { channel: 'alpha' }, holds: { 4: 'not yet', 3: 'not yet' } })
  const { faults, documents } = faulty(store.publisher, { at: 2, face: 'kill-before' })
  expect(await refusal(applyFile({ ...store.publisher, documents }, file))).toMatch(/^store-unavailable/)
  expect(faults.written).toHaveLength(2)
  const waits = `${app}/stable: revision 3 waits: the apply that wrote it has not finished`
  expect(await refresh({ ...store.publisher, log: () => {} })).toMatchObject({ rolled: [], problems: [waits] })
  expect(await ask(newReader(store))).toBe('update 2')
  expect(await refusal(publishOne(store, '3'))).toBe(`refused: ${waits}`)
  expect(await planFile(store.publisher, file)).toMatchObject({ apps: [{ behind: [{ manifest: { seq: 3 } }] }] })
  expect(await applyFile(store.publisher, file)).toMatchObject({
    ...{ kind: 'changed', inForce: true, channels: [{ channel: 'stable', changes: [{}, {}] }] },
  })
  expect(await ask(newReader(store))).toBe('update 2')
  await publishOne(store, '3')
})

test('one manifest alone goes live by any refresh', async () => {
  const store = await copyOf(base)
  const { documents } = faulty(store.publisher, { at: 2, face: 'kill-before' })
  await refusal(applyFile({ ...store.publisher, documents }, stable({ floors: { 1: 'why' } })))
  expect(previewApply(await planFile(store.publisher, stable({ floors: { 1: 'why' } })))).toMatchObject({
    ...{ channels: [], waiting: [{ app, channel: 'stable', seq: 3 }] },
  })
  expect(await refresh(store.publisher)).toMatchObject({ rolled: [{ channel: 'stable' }], problems: [] })
  expect(await ask(newReader(store), { version: '0' })).toBe('update 1')
})

test('a name that moves to another channel reaches the machines that ask by it', async () => {
  const store = await copyOf(base)
  const named = (channel: string) =>
    fileOf({ alpha: { aliases: [] }, beta: {}, stable: { aliases: [] }, [channel]: { aliases: ['fleet'] } })
  expect(previewApply(await planFile(store.publisher, named('stable')))).not.toHaveProperty('reach')
  await applyFile(store.publisher, named('stable'))
  expect(previewApply(await planFile(store.publisher, named('alpha'))).reach).toEqual([
    'fleet, a name of alpha and no longer of stable: 4 goes from 0 % to 100 % of machines at once (amd64-usr)',
  ])
  const { reach } = previewApply(
    await planFile(
      store.publisher,
      fileOf({ stable: { aliases: [] }, edge: { aliases: ['fleet'], follow: { channel: 'alpha' } } }),
    ),
  )
  expect(reach?.[0]).toContain('fleet, a name of edge and no longer of stable: 4 goes from 0 % to 100 % of machines')
  await applyFile(store.publisher, named('alpha'))
  expect(previewApply(await planFile(store.publisher, named('stable')))).not.toHaveProperty('reach')
})

test('a concurrent change of the same channel is seen, and a run after it ends as the file says', async () => {
  const store = await copyOf(base)
  const planned = stable({ description: 'file', floors: { 1: 'file' } })
  const other: TestStore = {
    ...store,
    publisher: { ...store.publisher, release: [await newKey('EdDSA'), ...store.publisher.release] },
  }
  let isFirst = true
  const documents = {
    ...store.publisher.documents,
    async create(key: string, bytes: Uint8Array) {
      if (isFirst) {
        isFirst = false
        await applyFile(other.publisher, stable({ description: 'other', cadence: { every: '2d' } }))
      }
      return store.publisher.documents.create(key, bytes)
    },
  }
  expect(await applyFile({ ...store.publisher, documents }, planned)).toMatchObject({ kind: 'changed' })
  const exported = await exportConfig(store.publisher)
  expect(exported).toMatchObject({
    apps: { [app]: { channels: { stable: { description: 'file', cadence: { every: '2d' } } } } },
  })
})

test('a hold that is placed while somebody is asked stays', async () => {
  const store = await copyOf(base)
  const file = stable({ description: 'new', holds: { 2: false } })
  const planned = await planFile(store.publisher, file)
  await holdRelease(store.publisher, { app, channel: 'stable' }, { version: '2', reason: 'boot loop' })
  const more = 'now it would also do: stable: - hold of 2: boot loop'
  expect(await refusal(commitApply(store.publisher, asAgreed(planned)))).toContain(more)
  expect(await ask(newReader(store), { version: '1' })).toBe('held')
  expect(await commitApply(store.publisher, asAgreed(await planFile(store.publisher, file)))).toMatchObject({
    reach: ['stable: 2 goes from 0 % to 100 % of machines at once'],
  })
  expect(await ask(newReader(store), { version: '1' })).toBe('update 2')
})

test('boards of an app find slips, and change nothing', async () => {
  const listed = (boards: readonly string[], members: object = {}) => fileOf({ stable: members }, { boards })
  const { channels, warnings } = previewApply(await planFile(base.publisher, listed(['amd64-usr', 'riscv64'])))
  expect(channels).toEqual([])
  expect(warnings).toEqual([
    `apps.${app}.boards: alpha has releases for arm64-usr, which is not in the list`,
    `apps.${app}.boards: no channel has a release for riscv64 yet`,
  ])
  const both = listed(['amd64-usr', 'arm64-usr'])
  expect(previewApply(await planFile(base.publisher, both))).not.toHaveProperty('warnings')
  const held = listed(['amd64-usr', 'arm64-usr'], { holds: { 9: { amd64: 'why' } } })
  expect(await refusal(planFile(base.publisher, held))).toContain('stable.holds.9.amd64: no such board')
  expect(await exportConfig(base.publisher)).toMatchObject({ apps: { [app]: { boards: ['amd64-usr', 'arm64-usr'] } } })
})

test('an app that the store lacks is a question of its own, and the first app is not', async () => {
  const file = { apps: { [app.slice(1)]: { channels: { stable: {} } } } }
  const [sentence = ''] = previewApply(await planFile(base.publisher, file)).newApps ?? []
  expect(sentence).toBe(`${app.slice(1)} is a new app; the store has ${app}`)
  expect(previewApply(await planFile((await newStore()).publisher, file))).not.toHaveProperty('newApps')
})

const wrongIn = async (name: string, text: string): Promise<string> => {
  const error = await parseConfigFile(name, text).then(
    (file) => {
      try {
        return checkConfig(file.value)
      } catch (cause) {
        return placed(file, cause)
      }
    },
    (cause: unknown) => cause,
  )
  return error instanceof PlatteError ? error.message : 'accepted'
}

test.each<[string, string, string]>([
  ['no TOML', 'x = ', 'c.toml line 1: not TOML: '],
  ['no apps', 'app = "x"', 'c.toml line 1: app: unknown member; did you mean apps? allowed: apps'],
  [
    'a member of a channel',
    '[apps.a.channels.s]\n\ndescripton = "x"',
    'c.toml line 3: apps.a.channels.s.descripton: unknown member; did you mean description?',
  ],
  [
    'a member of a window',
    '[[apps.a.channels.s.windows]]\ntimezone = "x"',
    'unknown member; did you mean time_zone? allowed: days, from, to, time_zone',
  ],
  [
    'a member of a guard',
    '[apps.a.channels.s]\nguard = { fellback = "5%" }',
    'line 2: apps.a.channels.s.guard.fellback: unknown member; did you mean fell_back?',
  ],
  ['a wrong type', '[apps.a.channels.s]\naliases = "x"', 'line 2: apps.a.channels.s.aliases: must be a list, not "x"'],
  [
    'a duration',
    '[apps.a.channels.s]\ncadence = { every = "monthly" }',
    'line 2: apps.a.channels.s.cadence.every: must be a duration such as 14d',
  ],
  [
    'a time zone',
    '[apps.a.channels.s]\nwindows = [{ days = ["Mon"], from = "01:00", to = "02:00", time_zone = "Mars/Base" }]',
    'line 2: apps.a.channels.s.windows: ',
  ],
  ['a version without quotes', '[apps.a.channels.s.floors]\n4152.2.0 = "x"', 'put versions in quotes'],
  [
    'a reason that is missing',
    '[apps.a.channels.s]\nfloors = { "1" = "" }',
    'line 2: apps.a.channels.s.floors.1: must not be empty',
  ],
  ['what is no table', 'apps = 5', 'c.toml line 1: apps: must be a table, not 5'],
  [
    'a hold without a reason',
    '[apps.a.channels.s]\nholds = { "1" = true }',
    'line 2: apps.a.channels.s.holds.1: must be a table, not true',
  ],
  [
    'one version in two spellings',
    '[apps.a.channels.s]\nholds = { "4152.2.0" = "x", "4152.2" = false }',
    'line 2: apps.a.channels.s.holds: 4152.2.0 and 4152.2 are the same version: give it once',
  ],
  [
    'a floor in two spellings',
    '[apps.a.channels.s]\nfloors = { "1" = "x", "2" = "x", "1.0" = "y" }',
    'line 2: apps.a.channels.s.floors: 1 and 1.0 are the same version: give it once',
  ],
  [
    'a target of nobody',
    '[apps.a.channels.s]\ntarget = { oem = [] }',
    'line 2: apps.a.channels.s.target.oem: names none: leave it out',
  ],
  ['a name twice', '[apps.a.channels.s]\naliases = ["x", "x"]', 'line 2: apps.a.channels.s.aliases: has a name twice'],
  [
    'too many names',
    `[apps.a.channels.s]\naliases = ${JSON.stringify([...'abcdefghijklmnopq'])}`,
    'line 2: apps.a.channels.s.aliases: must be at most 16',
  ],
  ['no UTF-8', '[apps.a.channels.s]\ndescription = "caf\ufffd"', 'c.toml line 2: not UTF-8: '],
  ['an overlay', '[apps.a.channels.s]\noverlay = {}', 'overlay: belongs to a mirror: PLATTE_OVERLAY'],
  ['a retention', '[apps.a.channels.s]\nretention = 3', 'unknown member; did you mean keep?'],
  ['a day', '[apps.a.channels.s]\ncadence = { every = "14d", on = "Foo" }', 'cadence.on: must be one of Mon, Tue'],
  ['a guard without a limit', '[apps.a.channels.s]\nguard = {}', 'guard: needs a limit: failures or fell_back'],
  ['a share', '[apps.a.channels.s]\nguard = { failures = "lots" }', 'must be a share such as "5%" or 0.05'],
])('names the line and the member: %s', async (_, text, message) => {
  expect(await wrongIn('c.toml', text)).toContain(message)
})

test.each<[string, string, string]>([
  ['no YAML', 'apps: [', 'c.yaml line 1: not YAML: '],
  [
    'a member',
    'apps:\n  a:\n    channels:\n      s:\n        alias: [x]\n',
    'c.yaml line 5: apps.a.channels.s.alias: unknown member; did you mean aliases?',
  ],
  ['an anchor in itself', 'apps: &a\n  a:\n    channels: *a\n', 'c.yaml: an anchor contains itself'],
  ['a key twice', 'apps:\n  a: {}\n  a: {}\n', 'c.yaml line 3: not YAML: apps.a is there twice'],
  ['a key of a list twice', 'apps:\n  - a: 1\n    b: 2\n    a: 3\n', 'c.yaml line 4: not YAML: apps.a is there twice'],
  ['two documents', 'apps: {}\n---\napps: {}\n', 'c.yaml line 2: not YAML: more than one document'],
])('names the line and the member of YAML: %s', async (_, text, message) => {
  expect(await wrongIn('c.yaml', text)).toContain(message)
})

test('a version in YAML keeps its zeros', async () => {
  const { value } = await parseConfigFile(
    'c.yml',
    'apps:\n  a:\n    channels:\n      s:\n        floors:\n          4152.20: why\n',
  )
  expect(checkConfig(value).apps.a?.channels.s?.floors).toEqual({ '4152.20': 'why' })
})
