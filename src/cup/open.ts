/** Proves answers to clients that ask for it in the URL, with keys that the root lists. */
import { currentCatalog } from '../catalog/cache.ts'
import type { CatalogState } from '../catalog/read.ts'
import type { Extension, FeatureContext, Prover, Proving } from '../checks/serving.ts'
import type { CupKey } from '../documents/root.ts'
import { toHex } from '../kernel/digest.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { after, type MaybePromise } from '../kernel/maybe-promise.ts'
import type { TextSource } from '../kernel/setting.ts'
import { sameJson } from '../release/add-release.ts'
import { importSigner } from '../trust/keys.ts'
import { bytesOf, maxKeySetBytes, type P256Key, type PrivateCupKey, publicHalf, readKeySet } from './keys.ts'
import { type CupRequest, type DigestsOf, derOf, digestsOf, readCup } from './proof.ts'

/** @returns a signature in hex. */
type Sign = (signed: Uint8Array) => MaybePromise<string>

export interface CupCrypto {
  readonly digestsOf: DigestsOf
  /** @returns what signs with ECDSA over SHA-256, in minimal DER. */
  readonly openP256: (key: P256Key) => MaybePromise<Sign>
  /** The same with ML-DSA-44; rejects where this runtime has none. */
  readonly openMlDsa?: (seed: Uint8Array) => Promise<Sign>
}

export const webCrypto: CupCrypto = {
  digestsOf,
  async openP256({ kid: _, ...jwk }) {
    const { sign } = await importSigner(jwk, 'a CUP key')
    return (signed) => sign(signed).then((raw) => toHex(derOf(raw)))
  },
}

interface Signer {
  readonly publicKey: CupKey
  readonly sign: Sign
  /** Whether a root lists the key: comparing costs as much as hashing. */
  readonly listed: WeakMap<CatalogState['root'], boolean>
}

/** @throws PlatteError('configuration') for keys that cannot be used. */
export async function openCup(source: TextSource, context: FeatureContext, crypto: CupCrypto): Promise<Extension> {
  const { cache, reader } = context
  const keys = new Map<string, PrivateCupKey>()
  const signers = new Map<string, Signer>()
  for (const key of await loadKeys(source, context)) {
    keys.set(key.kid, key)
    if (key.kty === 'EC') signers.set(key.kid, await openSigner(key, crypto))
  }
  const open = async (key: PrivateCupKey): Promise<Signer> => {
    const signer = await openSigner(key, crypto)
    signers.set(key.kid, signer)
    return signer
  }
  const prover: Prover = (url, background) => {
    const asked = readCup(url)
    if (asked === undefined) return undefined
    if (asked === 'malformed') throw new PlatteError('bad-request', 'cup2key is not of the form KEY:NONCE')
    const key = keys.get(asked.keyId)
    if (key === undefined) throw unknownKey(asked.keyId)
    return after(currentCatalog(cache, reader, background), () =>
      after(signers.get(key.kid) ?? open(key), (signer) => {
        if (!isListed(cache.state, signer)) throw unknownKey(key.kid)
        return provingBy(signer, asked, crypto)
      }),
    )
  }
  const problems = async () => {
    const all = await Promise.all([...keys.values()].map((key) => signers.get(key.kid) ?? open(key)))
    const strange = all.filter((signer) => cache.state && !isListed(cache.state, signer))
    return strange.map(({ publicKey }) => `CUP key ${publicKey.kid} is not in the root, so it is not used`)
  }
  return { name: 'cup', prover, problems }
}

async function loadKeys(source: TextSource, { readText }: FeatureContext): Promise<readonly PrivateCupKey[]> {
  const where = 'text' in source ? 'PLATTE_CUP_KEYS' : source.file
  try {
    return readKeySet('text' in source ? source.text : await readText(source.file, maxKeySetBytes), where)
  } catch (cause) {
    const message = cause instanceof PlatteError ? cause.message : `${where}: ${messageOf(cause)}`
    throw new PlatteError('configuration', message, { hint: 'check PLATTE_CUP_KEYS', cause })
  }
}

async function openSigner(key: PrivateCupKey, crypto: CupCrypto): Promise<Signer> {
  const publicKey = await publicHalf(key)
  const listed = new WeakMap()
  if (key.kty === 'EC') return { publicKey, listed, sign: await crypto.openP256(key) }
  const seed = bytesOf(key.priv)
  const inScript = async () => {
    const { sign } = (await import('./ml-dsa.ts')).openMlDsa(seed)
    return (signed: Uint8Array) => toHex(sign(signed))
  }
  return { publicKey, listed, sign: await (crypto.openMlDsa?.(seed).catch(inScript) ?? inScript()) }
}

/** @throws PlatteError('store-unavailable') without a root. */
function isListed(state: CatalogState | undefined, { publicKey, listed }: Signer): boolean {
  if (state === undefined) throw new PlatteError('store-unavailable', 'the root is not read yet')
  const { root } = state
  const found = listed.get(root) ?? root.root.roles.cup?.keys.some((one) => sameJson(one, publicKey)) ?? false
  listed.set(root, found)
  return found
}

const unknownKey = (keyId: string): PlatteError =>
  new PlatteError('bad-request', `there is no CUP key ${keyId} here`, {
    hint: 'list the key in the root and give the server its private half: `platte root cup`, PLATTE_CUP_KEYS',
  })

/**
 * Two headers for P-256, since some clients and proxies know only ETag. A proof of ML-DSA-44 is 4,905 characters: two would
 * be more than proxies let through.
 */
function provingBy({ publicKey, sign }: Signer, { value }: CupRequest, { digestsOf }: CupCrypto): Proving {
  return (request, response) => {
    const digests = digestsOf(value, request, response)
    return after(sign(digests.signed), (signature) => {
      const proof = `${signature}:${digests.request}`
      return publicKey.kty === 'EC'
        ? { 'x-cup-server-proof': proof, etag: `W/"${proof}"` }
        : { 'x-cup-server-proof': proof }
    })
  }
}
