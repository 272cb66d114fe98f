/** What names, limits, floors and packages of another server become. Pure. */
import { describe, expect, test } from 'vitest'
import { nameChannels } from '../../src/upstreams/foreign.ts'
import { stepsOf } from '../../src/upstreams/import-steps.ts'
import type { NebraskaApp, NebraskaChannel, NebraskaGroup, NebraskaPackage } from '../../src/upstreams/nebraska-api.ts'
import { translateNebraska } from '../../src/upstreams/nebraska-import.ts'

const sha1 = 'hZhlfFfiWFs9wbhypxqQLZytMnQ='

const packageOf = (version: string, more: Partial<NebraskaPackage> = {}): NebraskaPackage => ({
  ...{ id: `p-${version}`, type: 1, version, url: `https://files.example.org/${version}`, filename: 'update.gz' },
  ...{ size: '7', hash: sha1, arch: 1, channels_blacklist: null, flatcar_action: null, extra_files: null },
  ...more,
})
const channelOf = (more: Partial<NebraskaChannel> = {}): NebraskaChannel => ({
  ...{ id: 'c1', name: 'stable', arch: 1, package: packageOf('3.0.0'), floors: [] },
  ...more,
})
const groupOf = (more: Partial<NebraskaGroup> = {}): NebraskaGroup => ({
  ...{
    id: 'g1',
    name: 'Group',
    description: '',
    created_ts: '2026-01-01T00:00:00Z',
    channel_id: 'c1',
    track: 'stable',
  },
  ...{ policy_updates_enabled: true, policy_safe_mode: false, policy_office_hours: false, policy_timezone: 'UTC' },
  ...{ policy_period_interval: '1 hours', policy_max_updates_per_period: 999_999 },
  ...more,
})
const appOf = (more: Partial<NebraskaApp> = {}): NebraskaApp => ({
  ...{ id: 'd63017b2-a4cb-4d5f-a017-a492502c299a', product_id: 'io.example.Agent', name: 'Agent' },
  ...{ url: 'http://nebraska/api/apps/x', groups: [groupOf()], channels: [channelOf()], packages: [] },
  ...more,
})
const translate = (more: Partial<NebraskaApp>) => translateNebraska([appOf(more)], () => new Map())
const first = (more: Partial<NebraskaApp>) => translate(more).channels[0]

describe('names of channels', () => {
  const name = (tracks: readonly string[], known: readonly (readonly [string, string])[] = []) =>
    Object.fromEntries(
      nameChannels(
        tracks.map((track) => ({ track, title: `Title of ${track[0]}` })),
        new Map(known),
      ),
    )

  test('are tracks where they can be, else the nearest that is free', () => {
    expect(name(['stable', 'Prod-EU', 'prod-eu', 'Werkstatt Süd', 'Straße', 'v1', '..', 'ΑΒ'])).toEqual({
      ...{
        stable: 'stable',
        'prod-eu': 'prod-eu',
        'Prod-EU': 'prod-eu-2',
        'Werkstatt Süd': 'werkstatt-sud',
        Straße: 'strasse',
      },
      ...{ v1: 'v1-2', '..': 'title-of', ΑΒ: 'title-of-2' },
    })
  })
  test('of ids are what people call the group', () => {
    expect(name(['df1e59e1-d525-42c9-aef1-1256fcacb37e'])).toEqual({
      'df1e59e1-d525-42c9-aef1-1256fcacb37e': 'title-of-d',
    })
  })
  test('of tracks that cannot be aliases are found again by the ids of their groups', () => {
    const long = 'x'.repeat(200)
    const groups = [groupOf({ track: long })]
    const { channels, refused } = translateNebraska([appOf({ groups })], () => new Map([['g1', 'mine']]))
    expect(channels).toMatchObject([{ channel: 'mine', aliases: ['g1'] }])
    expect(refused).toEqual([`mine: "${long}" cannot be its alias: a GROUP has at most 128 visible characters`])
  })
  test('are those that the store has, also under another name', () => {
    const known = [
      ['Prod-EU', 'europe'],
      ['europe', 'europe'],
      ['prod-us', 'prod-us'],
    ] as const
    expect(name(['Prod-EU', 'Prod-US', 'europe'], known)).toEqual({
      ...{ 'Prod-EU': 'europe', 'Prod-US': 'prod-us-2', europe: 'europe' },
    })
  })
})

describe('limits', () => {
  const rampOf = (most: number, interval: string, machines?: number) =>
    first({
      groups: [groupOf({ policy_max_updates_per_period: most, policy_period_interval: interval, machines })],
    })?.releases[0]?.rampOver

  test.each([
    [5, '1 hours', 100, 'PT20H'],
    [5, '1 hours', 101, 'PT21H'],
    [5, '1 hours', 0, 'PT1H'],
    [5, '1 hours', undefined, 'PT1H'],
    [10, '15 minutes', 95, 'PT150M'],
    [1, '1 days', 3, 'PT72H'],
    [1, '1 week', 900_000, 'PT99999H'],
    [900_000, '1 hours', 100, undefined],
  ])('at most %s per %s for %s machines: a ramp over %s', (most, interval, machines, over) => {
    expect(rampOf(most, interval, machines)).toBe(over)
  })

  test('none at all is a pause', () => {
    const { releases = [] } = first({ groups: [groupOf({ policy_max_updates_per_period: 0 })] }) ?? {}
    expect(releases).toMatchObject([{ held: 'at most 0 updates in Nebraska, in the group Group' }])
  })
})

describe('groups', () => {
  test('of one track and architecture: the newest is answered, and the others are named', () => {
    const channels = [channelOf(), channelOf({ id: 'c2', package: packageOf('4.0.0') })]
    const newer = groupOf({ id: 'g2', name: 'Newer', channel_id: 'c2', created_ts: '2026-02-01T00:00:00Z' })
    const { channels: found, notes } = translate({ groups: [groupOf(), newer], channels })
    expect(found).toMatchObject([{ channel: 'stable', aliases: ['g2'], releases: [{ version: '4.0.0' }] }])
    expect(notes).toContain('Group (g1): left out: Nebraska answers its track with a newer group')
  })

  test('of two architectures are two boards of one channel; a window counts for both', () => {
    const channels = [channelOf(), channelOf({ id: 'c2', arch: 2 })]
    const groups = [
      groupOf(),
      groupOf({ id: 'g2', channel_id: 'c2', policy_office_hours: true, policy_timezone: null }),
    ]
    const { channels: found, notes } = translate({ groups, channels })
    expect(found).toMatchObject([
      {
        aliases: ['g1', 'g2'],
        releases: [{ board: 'amd64-usr' }, { board: 'arm64-usr' }],
        windows: [{ timeZone: 'UTC' }],
      },
    ])
    expect(notes).toContain('stable: the window counts for all of its boards')
  })

  test('without a track have their id; without a channel or a package, nothing is offered', () => {
    const channels = [channelOf({ package: null })]
    const groups = [groupOf({ track: '' }), groupOf({ id: 'g2', name: 'Empty', track: 'empty', channel_id: null })]
    const { channels: found, notes, refused } = translate({ groups, channels })
    expect(found.map(({ channel, releases }) => [channel, releases.length])).toEqual([
      ['empty', 0],
      ['g1', 0],
    ])
    expect(notes).toContain('Empty: a group without a channel: its machines are offered nothing')
    expect(notes).toContain('g1: Nebraska has no package for amd64-usr: its machines are offered nothing')
    expect(refused).toEqual([])
  })

  test('of an app with a product id are under that; its first groups are only Flatcar’s', () => {
    const { channels, notes } = translate({})
    expect(channels).toMatchObject([{ app: 'io.example.agent', channel: 'stable', aliases: ['g1'] }])
    expect(notes[0]).toBe(
      'io.example.agent: machines that send the id d63017b2-a4cb-4d5f-a017-a492502c299a must send io.example.Agent',
    )
    expect(first({ id: 'E96281A6-D1AF-4BDE-9A0A-97B76E56DC57', product_id: null })).toMatchObject({
      app: 'e96281a6-d1af-4bde-9a0a-97b76e56dc57',
      aliases: ['g1', '9a2deb70-37be-4026-853f-bfdd6b347bbe', '11a585f6-9418-4df0-8863-78b2fd3240f8'],
    })
  })
})

describe('packages', () => {
  const floor = (version: string, floor_reason: string | null = null) => ({ ...packageOf(version), floor_reason })

  test('floors come with their reasons; those above the current package are left out', () => {
    const channels = [channelOf({ floors: [floor('2.0.0', 'new\n layout'), floor('1.0.0'), floor('4.0.0')] })]
    const { channels: found, notes } = translate({ channels })
    expect(found[0]?.releases.map(({ version, floor }) => [version, floor])).toEqual([
      ['1.0.0', 'a floor in Nebraska'],
      ['2.0.0', 'new layout'],
      ['3.0.0', undefined],
    ])
    expect(notes).toContain('stable: the floor 4.0.0 for amd64-usr is above 3.0.0: left out')
  })

  test('nothing above a floor that cannot be used is imported', () => {
    const unusable = { ...floor('2.0.0'), filename: 'a b' }
    const channels = [channelOf({ floors: [unusable, floor('1.0.0')] }), channelOf({ id: 'c2', arch: 2 })]
    const groups = [groupOf(), groupOf({ id: 'g2', channel_id: 'c2' })]
    const { channels: found, refused } = translate({ groups, channels })
    expect(found[0]?.releases.map(({ version, board }) => `${version} ${board}`)).toEqual([
      '1.0.0 amd64-usr',
      '3.0.0 arm64-usr',
    ])
    expect(refused).toContain(
      'stable: nothing above the floor 2.0.0 is imported for amd64-usr: machines would pass it by',
    )
  })

  test('Docker images and packages on a blacklist are left out by name', () => {
    const notesOf = (more: Partial<NebraskaPackage>) =>
      translate({ channels: [channelOf({ package: packageOf('3.0.0', more) })] })
    expect(notesOf({ type: 2, filename: null }).notes).toContain(
      'stable: 3.0.0 for amd64-usr is a Docker image: left out, since Platte serves files',
    )
    expect(notesOf({ channels_blacklist: ['c1'] }).notes).toContain(
      'stable: 3.0.0 for amd64-usr is on the blacklist of its channel: left out',
    )
    const { notes } = translate({ packages: [packageOf('9.0.0', { channels_blacklist: ['c1'] })] })
    expect(notes).toContain('1 packages that no channel offers are left out: 9.0.0 (amd64-usr)')
    expect(notes).toContain(
      '9.0.0 (amd64-usr) is on the blacklist of channel stable: Platte has no such list; do not promote it there',
    )
  })

  test('what Nebraska does not know of a file is not compared; other kinds are no payloads', () => {
    const one = packageOf('3.0.0', { type: 4, size: '', hash: null, url: 'http://a.example.org/x//' })
    expect(first({ channels: [channelOf({ package: one })] })?.releases).toEqual([
      {
        ...{ version: '3.0.0', board: 'amd64-usr', isRaw: true },
        files: [{ name: 'update.gz', url: 'http://a.example.org/x/update.gz' }],
      },
    ])
  })
})

describe('a channel that was there before', () => {
  const packages = {
    name: 'update.gz',
    size: 7,
    sha256: 'a'.repeat(64),
    sha1: '8598657c57e2585b3dc1b872a71a902d9cad3274',
  }
  const there = (version: string, one = packages) =>
    ({
      ...{
        format: 1,
        type: 'channel',
        app: 'io.example.agent',
        channel: 'stable',
        seq: 5,
        issuedAt: '2026-01-01T00:00:00Z',
      },
      aliases: ['mine'],
      windows: [{ days: ['Sat'], from: '01:00', to: '02:00', timeZone: 'UTC' }],
      releases: [
        { version, publishedAt: '2026-01-01T00:00:00Z', boards: { 'amd64-usr': { codebases: [], packages: [one] } } },
      ],
    }) as unknown as Parameters<typeof stepsOf>[1]
  const wanted = (more: Partial<NebraskaGroup> = {}) => {
    const channel = first({ groups: [groupOf({ policy_office_hours: true, ...more })] })
    if (channel === undefined) throw new Error('no channel')
    return channel
  }

  test('keeps its window and its aliases, and gets what it lacks', () => {
    const { steps, notes, refused } = stepsOf(wanted(), there('3.0'))
    expect(steps).toMatchObject([{ command: { action: 'channel-edit', aliases: ['mine', 'g1'] } }])
    expect([notes, refused]).toEqual([[], []])
  })
  test('never goes down', () => {
    const { steps, notes } = stepsOf(wanted(), there('4.0.0'))
    expect(steps).toHaveLength(1)
    expect(notes).toEqual(['stable: amd64-usr has 4.0.0 here: the lower 3.0.0 is left out'])
  })
  test('gets a floor that was made below what it has', () => {
    const floor = { ...packageOf('2.0.0'), floor_reason: 'new layout' }
    const channel = first({ channels: [channelOf({ floors: [floor] })] })
    const { steps } = stepsOf(channel ?? wanted(), there('3.0.0'))
    expect(steps.slice(1)).toMatchObject([{ order: { version: '2.0.0', floor: 'new layout', belowNewest: true } }])
  })
  test('keeps a floor that is none there any more', () => {
    const manifest = there('2.0.0')
    const [one] = manifest?.releases ?? []
    const marked = manifest && one && { ...manifest, releases: [{ ...one, floor: { reason: 'new layout' } }] }
    expect(stepsOf(wanted(), marked).notes).toEqual([
      'stable: 2.0.0 is a floor here only: platte floor 2.0.0 --undo ends that',
    ])
  })
  test('keeps its bytes', () => {
    expect(stepsOf(wanted(), there('3.0.0', { ...packages, name: 'renamed.gz' })).refused).toEqual([])
    const { steps, refused } = stepsOf(wanted(), there('3.0.0', { ...packages, sha1: 'b'.repeat(40) }))
    expect(steps).toHaveLength(1)
    expect(refused).toEqual(['stable: 3.0.0 for amd64-usr is here with other bytes or packages: it stays as it is'])
  })
  test('is not held for a release that it offers already', () => {
    const paused = wanted({ policy_updates_enabled: false })
    const { steps: naming, notes } = stepsOf(paused, there('3.0.0'))
    expect(naming).toHaveLength(1)
    expect(notes).toEqual(['stable: 3.0.0 for amd64-usr: paused there, and offered here'])
    const hold = {
      version: '3.0.0',
      board: 'amd64-usr',
      at: '2026-01-01T00:00:00Z',
      reason: paused.releases[0]?.held ?? '',
    }
    expect(stepsOf(wanted(), there('3.0.0'), [hold]).notes).toEqual([
      'stable: 3.0.0 for amd64-usr: offered there, and held here since an import: platte unhold offers them',
    ])
    const arm64 = { ...paused, releases: paused.releases.map((one) => ({ ...one, board: 'arm64-usr' })) }
    const { steps, refused } = stepsOf(arm64, there('3.0.0'))
    expect(steps).toHaveLength(1)
    expect(refused).toEqual(['stable: 3.0.0 is here already: arm64-usr, paused there, is left out'])
  })
})
