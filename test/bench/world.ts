/** Signed stores to measure against: real keys, real documents, made with Platte's own commands. */

import { newCatalogCache } from '../../src/catalog/cache.ts'
import { commitChannel, emptyChannel } from '../../src/catalog/commit-channel.ts'
import { editCatalog, entryNaming } from '../../src/catalog/edit-catalog.ts'
import { firstRoot, initStore } from '../../src/catalog/roots.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import type { OmahaOffer } from '../../src/checks/omaha/omaha.ts'
import type { Serving } from '../../src/checks/serving.ts'
import { type Answering, checkForUpdate } from '../../src/checks/update-check.ts'
import { type CatalogChannel, withEntries } from '../../src/documents/catalog.ts'
import type { ChannelManifest } from '../../src/documents/channel.ts'
import { moveDetails } from '../../src/documents/details.ts'
import type { CupKey, PublicKey } from '../../src/documents/root.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { isoText } from '../../src/kernel/format.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import type { Release } from '../../src/release/channel.ts'
import { createApp } from '../../src/runtime/app.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { generateKey, importSigner, publicOf, type Signer } from '../../src/trust/keys.ts'
import { formatPin, parsePin } from '../../src/trust/verify-root.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { bodyOf } from '../protocol/samples.ts'
import { type Answer, answerOf, type Handler } from './bare.ts'

export const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

/** What a Flatcar machine posts every 45 minutes: 728 bytes, running 4081.2.0 of beta. */
export const request = bodyOf('updatecheck-scheduled-steady-state').replace('machinealias="web-1"', 'machinealias=""')
export const runningVersion = '4081.2.0'

export const machineId = (machine: number): string => machine.toString(16).padStart(32, '0')

/** The same from another machine. */
export const requestOf = (machine: number): string =>
  request.replace(/machineid="[^"]*"/, `machineid="${machineId(machine)}"`)

/** The bodies of so many machines: for a cache of the processor they are as many as for one of a deployment. */
const machines = 5000

/**
 * The same request from machines that each have an id and a channel of their own.
 * @returns the body of the nth, counted round.
 */
export function requests(
  channelOf: (machine: number) => string,
  versionOf: (machine: number) => string = () => runningVersion,
): (turn: number) => string {
  const bodies = Array.from({ length: machines }, (_, machine) =>
    requestOf(machine)
      .replace(/track="[^"]*"/, `track="${channelOf(machine)}"`)
      .replace(`" version="${runningVersion}" track`, `" version="${versionOf(machine)}" track`),
  )
  return (turn) => bodies[turn % machines] ?? ''
}

/** A release as Flatcar's are: the OS package and two extensions. */
export function release(version: string): Release {
  const one = (name: string, size: number, digit: string) => ({
    name,
    size,
    sha256: digit.repeat(64),
    sha1: digit.repeat(40),
  })
  return {
    version,
    publishedAt: '2026-11-01T00:00:00Z',
    boards: {
      'amd64-usr': {
        codebases: [],
        packages: [
          one('flatcar_production_update.gz', 412_345_678, 'a'),
          { ...one('oem-ami.gz', 40_897_503, 'b'), required: false },
          { ...one('flatcar-zfs.gz', 2282, 'c'), required: false },
        ],
      },
    },
  }
}

/** Releases by the channel that they are in. */
export type Channels = ReadonlyMap<string, readonly Release[]>

/** What a machine gets; a ramp has a fleet of them; `control` compares two bare handlers. */
export type FlipVariant = 'no-update' | 'update' | 'ramp' | 'control'

/** The channel of the request, with the version that it runs, and where there is an update to offer a newer one. */
export const releasesOf = (variant: FlipVariant): Channels =>
  new Map([['beta', [...(variant === 'update' ? [release('4593.2.0')] : []), release(runningVersion)]]])

type StoreOptions = Partial<Pick<Publisher, 'documents' | 'packages'>> & {
  readonly format?: number
  readonly cup?: readonly CupKey[]
}

/** A store with one channel for each entry. */
export async function newStore(
  channels: Channels,
  { format = 1, cup, ...store }: StoreOptions = {},
): Promise<Publisher> {
  const [root, release, timestamp] = [await newKey(), await newKey(), await newKey()]
  const open = {
    documents: memoryDocuments(),
    packages: memoryPackages(nodeHasher),
    ...store,
    newHasher: nodeHasher,
    clock: systemClock,
    random: systemRandom,
    log: () => {},
    release: [release.signer],
    timestamp: [timestamp.signer],
  }
  const document = await firstRoot(
    { root: [root.key], release: [release.key], timestamp: [timestamp.key] },
    { issuedAt: isoText(systemClock()), maxValidity: 'P14D' },
  )
  const roles = { ...document.roles, ...(cup && { cup: { keys: [...cup] } }) }
  const { pin } = await initStore(open, { ...document, format, roles }, [root.signer])
  const publisher = { ...open, pin: parsePin(pin) }
  await commitAll(publisher, channels, format)
  return publisher
}

async function commitAll(publisher: Publisher, channels: Channels, format: number): Promise<void> {
  const entries: Record<string, CatalogChannel> = {}
  for (const [channel, releases] of channels) {
    const ref = { app, channel }
    const made = { ...emptyChannel, ...ref, releases }
    const { manifest, documents } = format < 2 ? { manifest: made, documents: [] } : moveDetails(made)
    for (const [key, bytes] of documents) await publisher.documents.create(key, bytes)
    const edit = (current: ChannelManifest) => ({ ...current, releases: manifest.releases })
    const { head } = await commitChannel(publisher, ref, edit)
    const entry = entryNaming(undefined, head, publisher.clock())
    if (entry) entries[channel] = entry
  }
  await editCatalog(publisher, (catalog) => withEntries(catalog, app, entries))
}

async function newKey(): Promise<{ signer: Signer; key: PublicKey }> {
  const jwk = await generateKey('EdDSA')
  return { signer: await importSigner(jwk, 'a key of the benchmark'), key: publicOf(jwk) }
}

/** An offer of such a release. */
export const offer: OmahaOffer = {
  version: '4593.2.0',
  codebases: [`https://updates.example.org/packages/${app}/4593.2.0/amd64-usr/0123456789abcdef0123456789abcdef/`],
  packages: [
    {
      name: 'flatcar_production_update.gz',
      size: 412_345_678,
      sha256: 'a'.repeat(64),
      sha1: 'a'.repeat(40),
      required: true,
    },
    { name: 'oem-ami.gz', size: 40_897_503, sha256: 'b'.repeat(64), sha1: 'b'.repeat(40), required: false },
  ],
}

/** A new store, with every channel of it read and verified. */
export async function loaded(channels: Channels, format = 1): Promise<Answering> {
  const answering = answeringFrom(await newStore(channels, { format }))
  for (const channel of channels.keys())
    await checkForUpdate(answering, { app, channel, version: '0', board: 'amd64-usr' })
  return answering
}

/** The settings of whoever serves a store. */
export const settingsOf = ({ pin }: Publisher) => ({
  PLATTE_ROOT: formatPin(pin),
  PLATTE_PUBLIC_URL: 'https://updates.example.org',
})

/** Platte over a store. */
export const handlerOf = (publisher: Publisher): Handler =>
  createApp(serving(answeringFrom(publisher))).fetch as Handler

/** What it answers to the request. */
export const answerFrom = (publisher: Publisher): Promise<Answer> => answerOf(handlerOf(publisher), request)

/** What answers checks from a store. */
export const answeringFrom = (publisher: Publisher): Answering => ({
  cache: newCatalogCache(),
  reader: publisher,
  background: (work) => void work,
})

/** What the routes need, without packages. */
export const serving = ({ cache, reader }: Answering): Serving => ({
  cache,
  reader,
  packages: memoryPackages(nodeHasher),
  events: reader.log,
  publicUrl: 'https://updates.example.org',
  background: () => (work) => void work,
})
