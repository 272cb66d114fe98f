/**
 * Keys of the transit engine of HashiCorp Vault or OpenBao, as `hashivault://KEY` or `hashivault://KEY?version=N`; without
 * a version, the newest. VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE and TRANSIT_SECRET_ENGINE_PATH say where, as for cosign.
 * @see https://developer.hashicorp.com/vault/api-docs/secret/transit
 */
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import type { Environment } from '../kernel/setting.ts'
import type { KeyService, ServiceContext, ServiceKey } from '../trust/key-service.ts'
import { fromBase64url } from '../trust/keys.ts'
import { onlyP256, publicKeyOfSpki, serviceKey } from './signer.ts'

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))
const fromPem = (pem: string): Uint8Array =>
  Uint8Array.from(atob(pem.replace(/-----[^-]+-----|\s/g, '')), (one) => one.charCodeAt(0))

const keyType = 'ecdsa-p256'
const form = 'hashivault://KEY or hashivault://KEY?version=2'

interface Target {
  readonly url: string
  readonly name: string
  readonly version: number | undefined
}

/** @throws PlatteError('usage') */
function targetOf({ href, host, pathname, searchParams, hash }: URL): Target {
  const [[option, version = ''] = ['version', '1'], ...more] = [...searchParams]
  const isRight = option === 'version' && /^[1-9]\d{0,5}$/.test(version) && more.length === 0
  if (!/^\w(([\w-.]+)?\w)?$/.test(host) || !/^\/?$/.test(pathname) || !isRight || hash)
    throw new PlatteError('usage', `${href} names no key of Vault`, { hint: `use ${form}` })
  return { url: href, name: host, version: searchParams.size > 0 ? Number(version) : undefined }
}

/** @throws PlatteError('credentials') naming the variable. */
function connectionOf({ url }: Target, env: Environment) {
  const { VAULT_ADDR: address = '', VAULT_TOKEN: token, VAULT_NAMESPACE: namespace } = env
  const base = URL.canParse(address) ? new URL(address) : undefined
  if (base === undefined || !/^https?:$/.test(base.protocol))
    throw new PlatteError(
      'credentials',
      `${url}: VAULT_ADDR must be the URL of Vault, such as https://vault.example.org`,
    )
  if (!token) throw new PlatteError('credentials', `${url}: VAULT_TOKEN is missing: set it to a token of Vault`)
  const mount = (env.TRANSIT_SECRET_ENGINE_PATH || 'transit').replace(/^\/+|\/+$/g, '')
  const headers = {
    'x-vault-token': token,
    'x-vault-request': 'true',
    ...(namespace && { 'x-vault-namespace': namespace }),
  }
  return { root: `${base.href.replace(/\/+$/, '')}/v1/${mount}`, mount, headers }
}

/** @returns the `data` of the answer; `undefined` for 404. @throws PlatteError('credentials') */
async function ask(target: Target, { env, send }: ServiceContext, path: string, body?: object) {
  const { root, mount, headers } = connectionOf(target, env)
  const request = body
    ? {
        method: 'POST' as const,
        body: JSON.stringify(body),
        headers: { ...headers, 'content-type': 'application/json' },
      }
    : { method: 'GET' as const, headers }
  const { status, text } = await send({ ...request, url: new URL(`${root}/${path}`) }).catch((cause: unknown) => {
    const hint = 'check VAULT_ADDR and the network, and run it again'
    throw new PlatteError('credentials', `${target.url}: Vault did not answer: ${messageOf(cause)}`, { hint, cause })
  })
  const { data, errors } = parseJsonObject(text) ?? {}
  if (status >= 200 && status < 300) return { ...(typeof data === 'object' ? data : {}) } as Record<string, unknown>
  const why = Array.isArray(errors) && errors.length > 0 ? errors.join('; ').slice(0, 300) : 'no reason'
  if (status === 404 && why === 'no reason') return undefined
  const allow = `allow "read" on ${mount}/keys/${target.name} and "update" on ${mount}/sign/${target.name}`
  const hint = status === 403 ? `check VAULT_TOKEN; its policy must ${allow}` : 'check VAULT_ADDR and the mount'
  throw new PlatteError('credentials', `${target.url}: Vault answered ${status}: ${why}`, { hint })
}

async function openKey(target: Target, context: ServiceContext): Promise<ServiceKey | undefined> {
  const found = await ask(target, context, `keys/${target.name}`)
  if (found === undefined) return undefined
  const { type, keys, latest_version: latest } = found
  if (type !== keyType) throw new PlatteError('credentials', `${target.url}: is a key of ${type}`, { hint: onlyP256 })
  const version = target.version ?? Number(latest)
  const { public_key: pem } = Object(Object(keys)[version]) as { readonly public_key?: unknown }
  if (typeof pem !== 'string')
    throw new PlatteError(
      'credentials',
      `${target.url}: the key has no version ${version} in use; the newest is ${latest}`,
    )
  return keyOf({ ...target, version }, context, await publicKeyOfSpki(target.url, fromPem(pem)))
}

function keyOf(
  target: Target & { readonly version: number },
  context: ServiceContext,
  publicKey: ServiceKey['publicKey'],
): Promise<ServiceKey> {
  const url = `hashivault://${target.name}?version=${target.version}`
  return serviceKey(url, publicKey, async (digest) => {
    const order = { input: toBase64(digest), prehashed: true, marshaling_algorithm: 'jws', key_version: target.version }
    const { signature } = (await ask(target, context, `sign/${target.name}/sha2-256`, order)) ?? {}
    const raw = fromBase64url(/^vault:v\d+:(.+)$/.exec(String(signature))?.[1] ?? '')
    if (raw?.length === 64) return raw
    throw new PlatteError('credentials', `${url}: Vault answered no signature`, { hint: missing })
  })
}

const missing = 'check its name; `platte keygen --kms hashivault://KEY` makes it'

export const vault: KeyService = {
  async open(url, context, publicKey) {
    const target = targetOf(url)
    const { version } = target
    if (publicKey && version !== undefined) return keyOf({ ...target, version }, context, publicKey)
    const found = await openKey(target, context)
    if (found) return found
    throw new PlatteError('credentials', `${target.url}: Vault has no such key`, { hint: missing })
  },
  async make(url, context) {
    const target = targetOf(url)
    const found = await openKey(target, context)
    if (found) return { ...found, created: false }
    await ask(target, context, `keys/${target.name}`, { type: keyType })
    const made = await openKey({ ...target, version: 1 }, context)
    if (made) return { ...made, created: true }
    throw new PlatteError('credentials', `${target.url}: Vault made no key`, { hint: missing })
  },
}
