/** The file of a store that exists: applying it changes nothing. Releases, their ramps and what was withdrawn are not in it. */
import { isLive } from '../catalog/channels.ts'
import { loadHead } from '../catalog/commit-channel.ts'
import { channelEntry, channelsOf, loadForWriting, type StoreReader } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import type { Hold, Release } from '../release/channel.ts'

/** @param only one app. @returns what a file of channels says, as data. @throws PlatteError('refused') for an unknown app. */
export async function exportConfig(reader: StoreReader, only?: string): Promise<object> {
  const state = await loadForWriting(reader)
  const { catalog } = state.catalog
  if (only !== undefined && !Object.hasOwn(catalog.apps, only)) {
    const names = Object.keys(catalog.apps).join(', ')
    throw new PlatteError('refused', `there is no app ${only}`, {
      hint: names ? `there are ${names}` : 'the store has none yet: write the file by hand, or publish first',
    })
  }
  const apps: Record<string, object> = {}
  for (const [app, { name }] of Object.entries(catalog.apps)) {
    if (only !== undefined && app !== only) continue
    const channels: Record<string, object> = {}
    const boards = new Set<string>()
    for (const channel of Object.keys(channelsOf(catalog, app))) {
      const manifest = (await loadHead(reader, state, { app, channel }))?.manifest
      const { holds = [] } = channelEntry(catalog, app, channel) ?? {}
      if (!isLive(manifest)) continue
      channels[channel] = channelTable(manifest, holds)
      for (const release of manifest.releases) for (const board of Object.keys(release.boards)) boards.add(board)
    }
    apps[app] = defined({ name, boards: boards.size > 0 ? [...boards].sort() : undefined, channels })
  }
  return { apps }
}

function channelTable(manifest: ChannelManifest, holds: readonly Hold[]): object {
  const { description, cadence, aliases, follow, windows, guard, payloadKeys, defaultRamp, keep, releases } = manifest
  return defined({
    ...{ description, aliases },
    cadence: cadence && { ...cadence, every: shortDuration(cadence.every) },
    follow:
      follow &&
      defined({
        channel: follow.channel,
        ...{ after: follow.after && shortDuration(follow.after), over: follow.over && shortDuration(follow.over) },
      }),
    windows: windows?.map(({ timeZone, days, ...window }) => ({ days, ...window, time_zone: timeZone })),
    target: targetTable(manifest),
    guard:
      guard &&
      defined({
        ...{ failures: shareText(guard.failures), fell_back: shareText(guard.fellBack) },
        ...{ at_least: guard.atLeast, within: shortDuration(guard.within) },
      }),
    default_ramp: defaultRamp && shortDuration(defaultRamp),
    keep,
    payload_keys: payloadKeys?.map(({ spki }) => spki),
    floors: marks(releases, 'floor'),
    dead_ends: marks(releases, 'deadEnd'),
    holds: holds.length > 0 ? holdTable(holds) : undefined,
  })
}

function targetTable({ target }: ChannelManifest): object | undefined {
  if (target === undefined) return undefined
  const { oem, os, from: running, machines } = target
  return defined({
    ...{ oem: oem?.only, not_oem: oem?.not, os, running },
    ...{ allow_machines: machines?.allow, deny_machines: machines?.deny },
  })
}

function marks(releases: readonly Release[], mark: 'floor' | 'deadEnd'): object | undefined {
  const found = releases.flatMap((one) => (one[mark] ? [[one.version, one[mark].reason]] : []))
  return found.length > 0 ? Object.fromEntries(found) : undefined
}

/** A text where the version is held on every board and nowhere by itself. */
function holdTable(holds: readonly Hold[]): object {
  const versions = Map.groupBy(holds, ({ version }) => version)
  const tables = [...versions].map(([version, all]) => {
    const isWhole = all.length === 1 && all[0]?.board === undefined
    return [
      version,
      isWhole ? all[0]?.reason : Object.fromEntries(all.map(({ board = '*', reason }) => [board, reason])),
    ]
  })
  return Object.fromEntries(tables)
}

/** `P7D` as `7d`; any other than whole days, hours or minutes as it is. */
const shortDuration = (text: string): string =>
  text.replace(/^PT?(\d{1,5})([DHM])$/, (whole, count: string, unit: string) =>
    whole.startsWith('PT') === (unit !== 'D') ? `${count}${unit.toLowerCase()}` : whole,
  )

/** Only a text that is read as the same number. */
function shareText(share: number | undefined): string | number | undefined {
  if (share === undefined) return undefined
  const percent = Math.round(share * 1e8) / 1e6
  return percent / 100 === share ? `${percent}%` : share
}
