/** The channels of an app as a file wants them, and what contradicts in it. Pure. */
import { isLive } from '../catalog/channels.ts'
import { emptyChannel } from '../catalog/commit-channel.ts'
import type { CatalogState, ChannelRef } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import type { Instant } from '../kernel/clock.ts'
import { sameJson } from '../release/add-release.ts'
import type { VerifiedChannel } from '../trust/verify-documents.ts'
import type { AppConfig } from './config.ts'
import { configure, pathOf, type Wanted, wrongAt } from './desired.ts'
import type { Offering } from './reach.ts'

/** Whom it reaches is counted from `before`, at `asOf`. */
export type AppWish = Readonly<{ config: AppConfig; prune: boolean; asOf: Instant; before: Offering }>

/** Every channel of an app at its newest revision; a file may name others. */
export type AppState = Readonly<{
  app: string
  catalog: CatalogState
  heads: ReadonlyMap<string, VerifiedChannel | undefined>
}>

export const wantedOf = (ref: ChannelRef, { config, prune }: AppWish): Wanted | undefined => {
  const found = Object.hasOwn(config.channels, ref.channel) ? config.channels[ref.channel] : undefined
  return found && { ref, config: found, prune }
}

type Finals = ReadonlyMap<string, ChannelManifest | 'deleted'>

/** Live channels as they will be. @throws PlatteError('refused') naming the member of the file that contradicts another. */
export function finalsOf(there: AppState, wish: AppWish): Finals {
  const { app, heads } = there
  const finals = new Map<string, ChannelManifest | 'deleted'>()
  for (const [channel, head] of heads) {
    const ref = { app, channel }
    const [wanted, current] = [wantedOf(ref, wish), head?.manifest]
    if (wanted) finals.set(channel, configure(isLive(current) ? current : { ...emptyChannel, ...ref }, wanted))
    else if (isLive(current)) finals.set(channel, wish.prune ? pruned(current) : current)
  }
  checkNames(there, finals)
  checkFollows(there, finals)
  return finals
}

function pruned({ app, channel, releases }: ChannelManifest): 'deleted' {
  if (releases.length === 0) return 'deleted'
  throw wrongAt(
    `apps.${app}.channels`,
    `${channel} is not in the file, and has ${releases.length} ${releases.length === 1 ? 'release' : 'releases'}: without it, its machines would get no more updates`,
    `add it to the file, or run \`platte channel delete ${channel} --force\` first`,
  )
}

function checkNames({ app }: AppState, finals: Finals): void {
  const owners = new Map<string, string>(
    [...finals].flatMap(([name, one]) => (one === 'deleted' ? [] : [[name, name]])),
  )
  for (const [channel, one] of finals)
    for (const alias of one === 'deleted' ? [] : (one.aliases ?? [])) {
      const owner = owners.get(alias)
      if (owner !== undefined)
        throw wrongAt(
          pathOf({ app, channel }, 'aliases'),
          `${JSON.stringify(alias)} is already a name of channel ${owner}`,
          'choose another name, or remove it from that channel',
        )
      owners.set(alias, channel)
    }
}

/** What does not change stays, also a follower whose source was deleted earlier. */
function checkFollows({ app, heads }: AppState, finals: Finals): void {
  const isSame = (channel: string): boolean => sameJson(heads.get(channel)?.manifest, finals.get(channel))
  for (const [channel, one] of finals) {
    if (one === 'deleted' || one.follow === undefined) continue
    const name = one.follow.channel
    if (isSame(channel) && isSame(name)) continue
    const [source, path] = [finals.get(name), pathOf({ app, channel }, 'follow')]
    if (name === channel) throw wrongAt(path, `${channel} cannot follow itself`)
    if (source === undefined || source === 'deleted')
      throw wrongAt(path, `${app} has no channel ${JSON.stringify(name)}`, 'add it to the file')
    if (source.follow)
      throw wrongAt(path, `${name} follows ${source.follow.channel}: it cannot be followed`, 'one level only')
  }
}
