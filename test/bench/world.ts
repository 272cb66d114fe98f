/** Signed stores to measure against: real keys, real documents, made with Platte's own commands. */
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { memoryDocuments, memoryPackages } from '../../src/adapters/memory.ts'
import { systemClock, systemRandom } from '../../src/adapters/system.ts'
import type { Release } from '../../src/core/channel.ts'
import type { PublicKey } from '../../src/documents/root.ts'
import type { Documents } from '../../src/ports/documents.ts'
import type { Signer } from '../../src/ports/signer.ts'
import { newCatalogCache } from '../../src/service/catalog-cache.ts'
import type { Publishing } from '../../src/service/publish.ts'
import { refresh } from '../../src/service/refresh.ts'
import { firstRoot, initStore } from '../../src/service/roots.ts'
import type { Answering } from '../../src/service/update-check.ts'
import { commitChannel, editCatalog, instantText, nameHead } from '../../src/service/writing.ts'
import { generateKey, importSigner, publicOf } from '../../src/trust/keys.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { bodyOf } from '../protocol/samples.ts'

export const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

/** What a Flatcar machine posts every 45 minutes: 733 bytes, running 4081.2.0 of beta. */
export const request = bodyOf('updatecheck-scheduled-steady-state')
export const runningVersion = '4081.2.0'

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

/** A store with one channel for each entry. */
export async function newStore(
  channels: ReadonlyMap<string, readonly Release[]>,
  documents: Documents = memoryDocuments(),
): Promise<Publishing> {
  const [root, release, timestamp] = [await newKey(), await newKey(), await newKey()]
  const open = {
    documents,
    packages: memoryPackages(nodeHasher),
    newHasher: nodeHasher,
    clock: systemClock,
    random: systemRandom,
    log: () => {},
    release: [release.signer],
    timestamp: [timestamp.signer],
  }
  const document = await firstRoot(
    { root: [root.key], release: [release.key], timestamp: [timestamp.key] },
    { issuedAt: instantText(systemClock()), maxValidity: 'P14D' },
  )
  const { pin } = await initStore(open, document, [root.signer])
  const publishing = { ...open, pin: parsePin(pin) }
  await commitAll(publishing, channels)
  return publishing
}

async function commitAll(publishing: Publishing, channels: ReadonlyMap<string, readonly Release[]>): Promise<void> {
  const heads = []
  for (const [channel, releases] of channels) {
    const place = { app, channel }
    heads.push({
      place,
      ...(await commitChannel(publishing, place, (current) => ({ ...current, releases: [...releases] }))),
    })
  }
  await editCatalog(publishing, (catalog) =>
    heads.reduce((named, { place, head }) => nameHead(named, place, head), catalog),
  )
  await refresh(publishing)
}

async function newKey(): Promise<{ signer: Signer; key: PublicKey }> {
  const jwk = await generateKey('EdDSA')
  return { signer: await importSigner(jwk, 'a key of the benchmark'), key: publicOf(jwk) }
}

/** What answers checks from a store. */
export const answeringFrom = (publishing: Publishing): Answering => ({
  cache: newCatalogCache(),
  reading: publishing,
  background: (work) => void work,
})
