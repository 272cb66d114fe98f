/** An empty store of now, and its keys as a publish function has them. */

import { firstRoot, initStore } from '../../src/catalog/roots.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { isoText } from '../../src/kernel/format.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import type { Packages } from '../../src/store/packages.ts'
import { generateKey, importSigner, publicOf } from '../../src/trust/keys.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { policyFor, type TestIssuer } from './issuer.ts'

export interface EmptyStore {
  readonly publisher: Publisher
  /** The variables of a function that publishes there, as far as they do not depend on where it is. */
  readonly env: Readonly<Record<string, string>>
}

async function newKey() {
  const jwk = await generateKey('EdDSA')
  return { jwk, signer: await importSigner(jwk, 'a test key'), publicKey: publicOf(jwk) }
}

/** @param issuer whose tokens the function believes. */
export async function emptyStore(
  issuer: TestIssuer,
  documents: Documents = memoryDocuments(),
  packages: Packages = memoryPackages(nodeHasher),
): Promise<EmptyStore> {
  const [root, release, timestamp] = [await newKey(), await newKey(), await newKey()]
  const base = { documents, packages, newHasher: nodeHasher, clock: systemClock, random: systemRandom, log: () => {} }
  const writer = { ...base, release: [release.signer], timestamp: [timestamp.signer] }
  const keys = { root: [root.publicKey], release: [release.publicKey], timestamp: [timestamp.publicKey] } as const
  const document = await firstRoot(
    { root: [...keys.root], release: [...keys.release], timestamp: [...keys.timestamp] },
    { issuedAt: isoText(systemClock()), maxValidity: 'P14D' },
  )
  const { pin } = await initStore(writer, document, [root.signer])
  return {
    publisher: { ...writer, pin: parsePin(pin) },
    env: {
      PLATTE_ROOT: pin,
      PLATTE_PUBLIC_URL: 'https://updates.example.org',
      PLATTE_RELEASE_KEY: 'env://RELEASE_JWK',
      PLATTE_TIMESTAMP_KEY: 'env://TIMESTAMP_JWK',
      RELEASE_JWK: JSON.stringify(release.jwk),
      TIMESTAMP_JWK: JSON.stringify(timestamp.jwk),
      PLATTE_PUBLISH_POLICY: JSON.stringify({ v: 1, ...policyFor(issuer) }),
    },
  }
}
