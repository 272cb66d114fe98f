/** An empty store of now, and its keys as a publish function has them. */
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { memoryDocuments, memoryPackages } from '../../src/adapters/memory.ts'
import { systemClock, systemRandom } from '../../src/adapters/system.ts'
import type { Documents } from '../../src/ports/documents.ts'
import type { Packages } from '../../src/ports/packages.ts'
import type { Publishing } from '../../src/service/publish.ts'
import { firstRoot, initStore } from '../../src/service/roots.ts'
import { instantText } from '../../src/service/writing.ts'
import { generateKey, importSigner, publicOf } from '../../src/trust/keys.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { policyFor, type TestIssuer } from './issuer.ts'

export interface EmptyStore {
  readonly publishing: Publishing
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
  const writing = { ...base, release: [release.signer], timestamp: [timestamp.signer] }
  const keys = { root: [root.publicKey], release: [release.publicKey], timestamp: [timestamp.publicKey] } as const
  const document = await firstRoot(
    { root: [...keys.root], release: [...keys.release], timestamp: [...keys.timestamp] },
    { issuedAt: instantText(systemClock()), maxValidity: 'P14D' },
  )
  const { pin } = await initStore(writing, document, [root.signer])
  return {
    publishing: { ...writing, pin: parsePin(pin) },
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
