/** The store that every scene plays against, published as an operator would: new keys each time, the same packages always. */

import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { firstRoot, initStore } from '../../src/catalog/roots.ts'
import { type Publisher, type PublishOrder, publish } from '../../src/channels/publish.ts'
import type { Source } from '../../src/channels/staging.ts'
import { type Clock, systemClock } from '../../src/kernel/clock.ts'
import { isoText } from '../../src/kernel/format.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { createGroup } from '../../src/locks/edits.ts'
import { editLock } from '../../src/locks/store.ts'
import type { Image, Release } from '../../src/release/channel.ts'
import { machineHash } from '../../src/release/target.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import type { Packages } from '../../src/store/packages.ts'
import { type Algorithm, generateKey, importSigner, publicOf, type Signer } from '../../src/trust/keys.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { payloadOfSize } from '../payloads.ts'

/** A setting, so that what is answered is the same on every port. */
export const publicUrl = 'https://updates.example.org'
/** Where the scenes in `elsewhere/` send clients for packages. */
export const packagesUrl = 'https://packages.example.org/platte'

/** As PLATTE_LOCK_TOKENS takes them, for the scenes in `elsewhere/`; the others play without tokens. */
export const lockTokens = 'admin:write-token-of-scenes,read:read-token-of-scenes,lock:workers:machine-token-of-scenes'

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
/** Groups of a fleet that moved here. */
const oldGroups = ['My-dev.stable', 'Werkstatt Süd', '測試']
/** An app of updateservicectl's clients, which name no board. */
const tool = '11111111-2222-4333-8444-555555555555'
/** What Flatcar's own server calls its stable channel. */
const stableAlias = '9a2deb70-37be-4026-853f-bfdd6b347bbe'

export interface SceneStore {
  readonly publisher: Publisher
  /** As PLATTE_ROOT takes it. */
  readonly pin: string
  /** The private timestamp key: one JWK. */
  readonly timestampKey: string
  readonly keys: { readonly root: readonly Signer[] }
}

/** Fills an empty store. Its root signs with EdDSA and its releases with ES256, so both are verified on every runtime. */
export async function makeSceneStore(
  documents: Documents = memoryDocuments(),
  packages: Packages = memoryPackages(nodeHasher),
  clock: Clock = systemClock,
): Promise<SceneStore> {
  const [root, release, timestamp] = [await newKey('EdDSA'), await newKey('ES256'), await newKey('EdDSA')]
  const base = { documents, packages, newHasher: nodeHasher, clock, random: systemRandom, log: () => {} }
  const writer = { ...base, release: [release.signer], timestamp: [timestamp.signer] }
  const made = await firstRoot(
    { root: [root.publicKey], release: [release.publicKey], timestamp: [timestamp.publicKey] },
    { issuedAt: isoText(clock()), maxValidity: 'P14D' },
  )
  const { pin } = await initStore(writer, { ...made, format: 2 }, [root.signer])
  const publisher = { ...writer, pin: parsePin(pin) }
  for (const [channel, version, board, sources, other] of releases)
    await publish(publisher, {
      ...{ app: other ?? app, channel, version, board, sources, notes: notesOf(version) },
      ...{ create: true, createBoard: true },
    })
  for (const [version, image, more] of coreos)
    await publish(publisher, {
      ...{ app: 'fedora-coreos', channel: 'next', version, board: 'x86_64', sources: [], image },
      ...{ create: true, createBoard: true, ...more },
    })
  await commitChannel(publisher, { app, channel: 'stable' }, (current) => ({
    ...current,
    aliases: [stableAlias, ...oldGroups],
  }))
  await commitChannel(publisher, { app, channel: 'rollout' }, (current) => ({
    ...current,
    releases: current.releases.map((one) => (one.version === '4152.2.0' ? { ...one, ...rollout } : one)),
  }))
  await commitChannel(publisher, { app, channel: 'floors' }, (current) => ({
    ...current,
    releases: current.releases.map((one) => ({ ...one, ...floors[one.version] })),
  }))
  await refresh(publisher)
  await closeGroup(publisher)
  return { publisher, pin, timestampKey: JSON.stringify(timestamp.jwk), keys: { root: [root.signer] } }
}

/** A group whose machines wait until 2040, so that a scene says so whenever it is played. */
async function closeGroup(publisher: Publisher): Promise<void> {
  await createGroup(publisher, 'closed', 1, 'operator')
  await editLock(publisher, 'closed', () => ({
    result: undefined,
    change: {
      more: { policy: { vetoAfterRollback: 'P1D' }, rolledBackAt: '2040-01-01T00:00:00Z' },
      events: [{ what: 'policy', via: 'operator' }],
    },
  }))
}

async function newKey(alg: Algorithm) {
  const jwk = await generateKey(alg)
  return { jwk, signer: await importSigner(jwk, 'a test key'), publicKey: publicOf(jwk) }
}

const sourceOf = (name: string, bytes: Uint8Array<ArrayBuffer>): Source => ({
  name,
  size: bytes.length,
  open: () => new Blob([bytes]).stream(),
})

/** Several chunks of any stream. */
function payload(seed: number): Source {
  const bytes = new Uint8Array(150_000)
  let state = seed
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return sourceOf('flatcar_production_update.gz', new Uint8Array(payloadOfSize(bytes.length, bytes)))
}

/** Bytes that can be read in a scene: each ten tell where they stand. */
const readable = sourceOf(
  'oem-ami.gz',
  new TextEncoder().encode(Array.from({ length: 10 }, (_, ten) => `byte ${ten}0 -\n`).join('')),
)

const notesOf = (version: string): Uint8Array => new TextEncoder().encode(`# ${version}\n\n- It boots.\n`)

/** S3 takes a plain "+" in a URL for a blank. */
const plus = sourceOf('oem-c++.gz', new TextEncoder().encode('a name with signs\n'))

const releases: readonly (readonly [string, string, string, readonly [Source, ...Source[]], string?])[] = [
  ['beta', '4081.2.0', 'amd64-usr', [payload(4081), plus]],
  ['beta', '4152.2.0', 'amd64-usr', [payload(4152), readable]],
  ['beta', '4152.2.0', 'arm64-usr', [payload(64)]],
  ['stable', '4152.2.0', 'amd64-usr', [payload(4152), readable]],
  ['rollout', '4081.2.0', 'amd64-usr', [payload(4081), plus]],
  ['rollout', '4152.2.0', 'amd64-usr', [payload(4152), readable]],
  ['floors', '4081.2.0', 'amd64-usr', [payload(4081), plus]],
  ['floors', '4117.2.0', 'amd64-usr', [payload(4117)]],
  ['floors', '4152.2.0', 'amd64-usr', [payload(4152), readable]],
  ['tools', '1.2.0', 'any', [plus], tool],
]

/** As machines name them: an ostree commit, an image. */
const imageOf = (digit: string): Image => ({
  checksum: digit.repeat(64),
  oci: `quay.io/fedora/fedora-coreos@sha256:${digit.repeat(64)}`,
})
/** Fedora CoreOS has no files. The newest has reached half of all machines, and never one without an id. */
const coreos: readonly (readonly [string, Image, Partial<PublishOrder>?])[] = [
  ['43.20260101.1.0', imageOf('1')],
  ['44.20260201.1.0', imageOf('2'), { floor: 'https://example.org/why' }],
  ['44.20260301.1.0', imageOf('3')],
  ['44.20260401.1.0', imageOf('4'), { ramp: [{ at: '2026-01-01T00:00:00Z', share: 0.5 }] }],
]

const floor = { reason: 'https://example.org/why' }
/** The second one reaches half of all machines, and never one without an id. */
const floors: Readonly<Record<string, Partial<Release>>> = {
  '4081.2.0': { floor },
  '4117.2.0': { floor, ramp: [{ at: '2026-01-01T00:00:00Z', share: 0.5 }] },
}

/** Far from now, so that a scene says the instant that it asks about. */
const rollout: Partial<Release> = {
  ramp: [
    { at: '2040-01-02T00:00:00Z', share: 0 },
    { at: '2040-01-04T00:00:00Z', share: 1 },
  ],
  windows: [{ days: ['Mon', 'Tue'], from: '22:00', to: '04:00', timeZone: 'Europe/Berlin' }],
  target: { oem: { not: ['pxe'] }, machines: { deny: [machineHash('deadbeefdeadbeefdeadbeefdeadbeef')] } },
}
