/**
 * Keys of AWS KMS, as `awskms:///ID`, `awskms:///alias/NAME` or `awskms:///ARN`; `awskms://HOST/…` asks another endpoint.
 * The SDK finds region and credentials. Apart from everything else, because it takes a while to load.
 */
import {
  CreateAliasCommand,
  CreateKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  type KMSClientConfig,
  SignCommand,
} from '@aws-sdk/client-kms'
import type { PublicKey } from '../documents/root.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import type { KeyService, ServiceKey } from '../trust/key-service.ts'
import { rawSignature } from './der.ts'
import { onlyP256, publicKeyOfSpki, serviceKey } from './signer.ts'

const limits = { connectionTimeout: 5_000, requestTimeout: 20_000 }
const form = 'awskms:///alias/NAME, awskms:///KEY-ID or awskms:///arn:aws:kms:REGION:ACCOUNT:key/ID'

interface Target {
  readonly url: string
  readonly client: KMSClient
  /** Id, alias or ARN. */
  readonly keyId: string
}

/** @throws PlatteError('usage') */
function targetOf({ href, host, pathname, search, hash }: URL): Target {
  const keyId = decodeURIComponent(pathname.slice(1))
  if (!/^[\w:/-]{1,2048}$/.test(keyId) || search || hash)
    throw new PlatteError('usage', `${href} names no key of AWS KMS`, { hint: `use ${form}` })
  const [, region] = /^arn:[^:]+:kms:([^:]+):/.exec(keyId) ?? []
  const config: KMSClientConfig = {
    requestHandler: limits,
    ...(region && { region }),
    ...(host && { endpoint: `https://${host}` }),
  }
  return { url: href, client: new KMSClient(config), keyId }
}

/** Adds what to do to what the service answered. */
const failure =
  ({ url }: Target, action: string) =>
  (error: unknown): never => {
    if (error instanceof PlatteError) throw error
    const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : ''
    const hint = hints.find(([names]) => names.test(`${name}${messageOf(error)}`))?.[1] ?? tryAgain
    throw new PlatteError('credentials', `${url}: ${action} failed: ${name}${messageOf(error)}`, { hint, cause: error })
  }

const tryAgain = 'check AWS_REGION and the network, and run it again'
const hints: readonly (readonly [RegExp, string])[] = [
  [/NotFound/, 'check the name, the region and the account; `platte keygen --kms URL` makes the key of an alias'],
  [
    /AccessDenied/,
    'allow kms:GetPublicKey and kms:Sign on this key, and to make keys kms:CreateKey and kms:CreateAlias',
  ],
  [
    /Credential|UnrecognizedClient|InvalidClientTokenId|ExpiredToken/,
    'give the AWS SDK credentials, such as AWS_PROFILE',
  ],
  [/Region/, 'set AWS_REGION, or name the key by its ARN'],
  [/Disabled|KMSInvalidState/, 'enable the key again, or cancel its deletion'],
  [/InvalidKeyUsage|UnsupportedOperation/, onlyP256],
]

async function fetchPublicKey(target: Target): Promise<PublicKey> {
  const {
    KeySpec,
    KeyUsage,
    PublicKey: spki,
  } = await target.client.send(new GetPublicKeyCommand({ KeyId: target.keyId }))
  if (KeySpec !== 'ECC_NIST_P256' || KeyUsage !== 'SIGN_VERIFY' || spki === undefined)
    throw new PlatteError('credentials', `${target.url}: is a key of ${KeySpec} for ${KeyUsage}`, { hint: onlyP256 })
  return publicKeyOfSpki(target.url, spki)
}

const keyOf = (target: Target, publicKey: PublicKey): Promise<ServiceKey> =>
  serviceKey(target.url, publicKey, async (digest) => {
    const { Signature: der } = await target.client
      .send(
        new SignCommand({
          ...{ KeyId: target.keyId, Message: digest, MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' },
        }),
      )
      .catch(failure(target, 'signing'))
    const raw = der && rawSignature(der)
    if (raw === undefined) throw new PlatteError('credentials', `${target.url}: answered no signature in DER`)
    return raw
  })

async function createKey({ client, keyId: alias }: Target): Promise<void> {
  const made = await client.send(
    new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', Description: `Platte ${alias}` }),
  )
  await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: made.KeyMetadata?.KeyId }))
}

export const awsKms: KeyService = {
  async open(url, _context, publicKey) {
    const target = targetOf(url)
    return keyOf(target, publicKey ?? (await fetchPublicKey(target).catch(failure(target, 'reading the public key'))))
  },
  async make(url) {
    const target = targetOf(url)
    const isAlias = target.keyId.startsWith('alias/')
    const found = await fetchPublicKey(target).catch((error: unknown) => {
      if (isAlias && error instanceof Error && error.name === 'NotFoundException') return undefined
      return failure(target, 'reading the public key')(error)
    })
    if (found) return { ...(await keyOf(target, found)), created: false }
    await createKey(target).catch(failure(target, 'making a key'))
    const made = await fetchPublicKey(target).catch(failure(target, 'reading the public key'))
    return { ...(await keyOf(target, made)), created: true }
  },
}
