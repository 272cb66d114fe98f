/** `platte adopt` from servers that are no Platte: here, or by a publish function. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChannelRef } from '../../catalog/read.ts'
import { marksOf, type PlacingOptions, print, runHere } from '../../channels/cli/editing.ts'
import type { EditResult } from '../../channels/plan.ts'
import { withApp } from '../../cli/app.ts'
import { type Endpoint, type Options, openReadingOf, settingsOf } from '../../cli/options.ts'
import { progress } from '../../cli/progress.ts'
import { openEndpoint } from '../../cli/registered.ts'
import { warn } from '../../cli/terminal.ts'
import { packageFolder } from '../../documents/paths.ts'
import { detailsIn, maxReleasesBytes } from '../../documents/releases-json.ts'
import { systemClock } from '../../kernel/clock.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { defined } from '../../kernel/json.ts'
import { isImage } from '../../release/channel.ts'
import { readShort } from '../../runtime/files.ts'
import { nodeHasher } from '../../runtime/hasher-node.ts'
import { openStore } from '../../runtime/store.ts'
import { transport } from '../../runtime/transport.ts'
import { adoptOffer, planOffer, readPackages, withWarnings } from '../adopt.ts'
import { chosenOf, isStream, openUpstream } from '../kinds.ts'
import type { Adoption, Found } from '../look-up.ts'
import type { Upstream } from '../offer.ts'

export { isOtherServer } from '../kinds.ts'

export interface AdoptFlags {
  readonly as: string
  readonly channel?: string
  readonly boards?: readonly string[]
  readonly packages?: 'copy' | 'reference'
  readonly releasesJson?: string
  readonly after?: string
  readonly rampOver?: string
  readonly held?: true
  readonly raw?: true
  readonly create?: true
  readonly createBoard?: true
  readonly dryRun?: true
}

type AdoptOptions = Options & PlacingOptions & AdoptFlags

/** @param from what only a Platte has. */
export async function adoptThere(place: string, from: ChannelRef | undefined, options: AdoptOptions): Promise<void> {
  if (from || options.floor)
    throw new PlatteError(
      'usage',
      from ? 'such a server has no APP/CHANNEL: name the app with --app' : '--floor: its floors come with it',
      {
        hint: hintOf(place),
      },
    )
  const isList = isStream(place)
  const upstream = openUpstream(place, {
    transport,
    now: systemClock(),
    releasesJson: isList ? options.releasesJson : undefined,
  })
  const there = await chosenOf(upstream, { ...options, hint: hintOf(place) })
  const { releasesJson: _, ...others } = options
  const adoption = await adoptionOf(isList ? others : options, there)
  const endpoint = await openEndpoint(options)
  if (endpoint) {
    const { result, refused } = await adoptByEndpoint(endpoint, upstream, adoption, options)
    print(options, adoption.to, result)
    return requireAll(refused)
  }
  let refused: Found['refused'] = []
  await runHere({ ...options, channel: adoption.to }, async (store) => {
    const found = await planOffer(store, upstream, adoption)
    refused = found.refused
    for (const problem of options.dryRun ? found.warnings : []) warn({ level: 'warn', event: 'adopt', problem })
    const bar = progress('adopting', bytesOf(found))
    return { planned: found.planned, commit: () => adoptOffer(store, upstream, found, bar.add).finally(bar.end) }
  })
  requireAll(refused)
}

function hintOf(place: string): string {
  if (isStream(place)) return `platte adopt ${place} --as stable`
  return `platte adopt ${place} --channel stable --boards ${place.startsWith('omaha:') ? 'amd64-usr,arm64-usr' : 'any'} --as prod`
}

/** @throws PlatteError('refused') after the other boards were adopted. */
function requireAll(refused: Found['refused']): void {
  if (refused.length === 0) return
  throw new PlatteError('refused', `not adopted: ${refused.join(', ')}`, {
    hint: 'run it again later: a board joins a release at any time; one that is new to the app needs --create-board',
  })
}

async function adoptionOf(options: AdoptOptions, there: Pick<Adoption, 'channel' | 'boards'>): Promise<Adoption> {
  const { as: to, packages = 'copy', releasesJson, after, rampOver, create, createBoard, raw } = options
  const { app } = await withApp(options)
  const { skipFloors, belowNewest, held, reason } = options
  const marks = marksOf(defined({ skipFloors, belowNewest, held, reason }))
  const list = releasesJson === undefined ? undefined : await readShort(releasesJson, maxReleasesBytes)
  const details =
    list &&
    ((release: { readonly version: string; readonly board: string }) => detailsIn(list, release, releasesJson ?? ''))
  return { app, ...there, to, packages, ...defined({ details, after, rampOver, create, createBoard, raw, ...marks }) }
}

const bytesOf = ({ unread }: Found): number =>
  unread.flatMap(({ packages }) => packages).reduce((sum, { size }) => sum + size, 0)

/** Reads the store as the endpoint serves it, downloads what is new, and uploads it. */
async function adoptByEndpoint(
  endpoint: Endpoint,
  upstream: Upstream,
  adoption: Adoption,
  options: AdoptOptions,
): Promise<{ readonly result: EditResult; readonly refused: Found['refused'] }> {
  if (adoption.packages === 'reference')
    throw new PlatteError(
      'usage',
      '--packages reference needs the release key: a publish function signs only what it has read',
    )
  const { store: own } = settingsOf(options, [])
  const { store } = await openReadingOf(own ? options : { ...options, store: endpoint.url }, warn)
  const found = await planOffer(store, upstream, adoption)
  const { planned, command, warnings, refused } = found
  const answered = (result: EditResult) => ({ result: withWarnings(result, warnings), refused })
  if (planned.manifest === undefined)
    return answered({ kind: 'unchanged', seq: planned.seq, inForce: true, changes: [] })
  if (options.dryRun) return answered(await endpoint.send<EditResult>(command, { dryRun: true }))
  const dir = await mkdtemp(join(tmpdir(), 'platte-adopt-'))
  const bar = progress('adopting', 2 * bytesOf(found))
  try {
    const into = { ...(await openStore({ kind: 'file', dir })), newHasher: nodeHasher }
    const read = await readPackages(store, found, { upstream, into, onBytes: bar.add })
    for (const { version, boards } of read.releases)
      for (const [board, of] of Object.entries(boards)) {
        if (isImage(of) || !found.unread.some((one) => one.version === version && one.board === board)) continue
        const { packages } = of
        const raw = adoption.raw && { raw: true as const }
        const order = { app: adoption.app, channel: adoption.to, version, board, packages, ...raw }
        const folder = packageFolder(order, packages)
        const files = new Map(packages.map(({ name }) => [name, join(dir, folder, name)]))
        await endpoint.upload(order, { files, onBytes: bar.add })
      }
    return answered(await endpoint.send<EditResult>(read, {}))
  } finally {
    bar.end()
    await rm(dir, { recursive: true, force: true })
  }
}
