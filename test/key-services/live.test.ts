/**
 * Keys in real key services: AWS KMS's API as local-kms answers it, and OpenBao's transit engine, which is Vault's.
 * Only where they run: `.ci/key-services run npm test -- test/key-services`.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flattenedVerify } from 'jose/jws/flattened/verify'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { makeServiceKey, openServiceKey } from '../../src/runtime/key-services.ts'
import { payloadText } from '../payloads.ts'
import { askVault, kms, serviceEnv, vault } from './servers.ts'

const root = mkdtempSync(join(tmpdir(), 'platte-key-services-'))
const before = { ...process.env }
beforeAll(async () => {
  Object.assign(process.env, serviceEnv)
  if (vault) await askVault('POST', 'sys/mounts/transit', { type: 'transit' })
})
afterAll(() => {
  for (const name of Object.keys(serviceEnv)) delete process.env[name]
  Object.assign(process.env, before)
  rmSync(root, { recursive: true })
})

let names = 0
const services = {
  'AWS KMS': () => `awskms:///alias/platte-${names++}`,
  'a transit engine': () => `hashivault://platte-${names++}`,
}

const text = new TextEncoder()

describe.skipIf(!kms || !vault).each(Object.entries(services))('%s', (_, newUrl) => {
  test('a key is made once, and signs what jose verifies', async () => {
    const url = newUrl()
    const made = await makeServiceKey(url, serviceEnv)
    const again = await makeServiceKey(url, serviceEnv)
    const opened = await openServiceKey(url, serviceEnv)
    expect([made.created, again.created]).toEqual([true, false])
    expect([again.signer.keyId, opened.signer.keyId]).toEqual([made.signer.keyId, made.signer.keyId])
    const header = Buffer.from('{"alg":"ES256"}').toString('base64url')
    // Raw signatures have leading zeros now and then, which DER leaves out.
    for (let i = 0; i < 100; i++) {
      const payload = Buffer.from(`document ${i}`).toString('base64url')
      const raw = await opened.signer.sign(text.encode(`${header}.${payload}`))
      const jws = { payload, protected: header, signature: Buffer.from(raw).toString('base64url') }
      await flattenedVerify(jws, made.publicKey, { algorithms: ['ES256'] })
    }
  })

  test('a key that is not there is refused by name', async () => {
    const url = newUrl()
    const message = expect.stringContaining(url)
    const hint = expect.stringContaining('platte keygen --kms')
    await expect(openServiceKey(url, serviceEnv)).rejects.toMatchObject({ code: 'credentials', message, hint })
  })

  test('a key that is not the known one signs nothing', async () => {
    const [one, other] = [await makeServiceKey(newUrl(), serviceEnv), await makeServiceKey(newUrl(), serviceEnv)]
    const { signer } = await openServiceKey(one.url, serviceEnv, other.publicKey)
    await expect(signer.sign(text.encode('x'))).rejects.toMatchObject({
      code: 'credentials',
      message: `${one.url}: signed with another key than the one that was made or named`,
    })
  })

  test('a store is made, published to, refreshed and rotated with keys that never leave it', () => {
    const folder = mkdtempSync(join(root, 'store-'))
    const env = { ...before, ...serviceEnv, PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_APP: 'example.app' }
    const platte = (line: string, more: Readonly<Record<string, string>> = {}): string =>
      execFileSync(process.execPath, [inject('cli'), ...line.split(' ')], {
        ...{ cwd: folder, env: { ...env, ...more }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
      })
    for (const file of ['offline/root.jwk', 'keys/release.jwk', 'keys/timestamp.jwk'])
      platte(`keygen ${file} --kms ${newUrl()}`)
    const pinOf = (output: string): string => /PLATTE_ROOT=(.*)/.exec(output)?.[1] ?? ''
    const pin = { PLATTE_ROOT: pinOf(platte('init --root-keys offline')) }
    execFileSync('sh', ['-c', `cat > "${folder}/os_update.gz"`], { input: payloadText('one') })
    platte('publish os_update.gz --channel stable --version 1.0.0 --board amd64-usr --create', pin)
    platte('refresh --force', pin)
    const next = newUrl()
    const rotated = platte(`root rotate --role release --new-key ${next} --root-keys offline`, pin)
    const later = { PLATTE_ROOT: pinOf(rotated), PLATTE_RELEASE_KEY: next }
    platte('hold 1.0.0 --channel stable --reason https://example.org/1', later)
    expect(platte('verify', later)).toContain('channels 1')
    expect(platte('root show', later)).toContain(`release: 1 of ${JSON.parse(platte(`key show ${next} --json`)).keyId}`)
    for (const file of readdirSync(join(folder, 'keys')))
      expect(JSON.parse(readFileSync(join(folder, 'keys', file), 'utf8'))).not.toHaveProperty('d')
  })
})

describe.skipIf(!kms)('AWS KMS', () => {
  test('a key of another kind is refused', async () => {
    const { CreateKeyCommand, KMSClient } = await import('@aws-sdk/client-kms')
    const { KeyMetadata } = await new KMSClient({}).send(
      new CreateKeyCommand({ KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' }),
    )
    await expect(openServiceKey(`awskms:///${KeyMetadata?.KeyId}`, serviceEnv)).rejects.toMatchObject({
      code: 'credentials',
      message: expect.stringContaining('is a key of RSA_2048 for SIGN_VERIFY'),
    })
    await expect(openServiceKey(`awskms:///${KeyMetadata?.Arn}`, serviceEnv)).rejects.toThrow('RSA_2048')
  })

  test('a key that was disabled says so when it should sign', async () => {
    const { DescribeKeyCommand, DisableKeyCommand, KMSClient } = await import('@aws-sdk/client-kms')
    const { url, signer } = await makeServiceKey(services['AWS KMS'](), serviceEnv)
    const client = new KMSClient({})
    const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: url.replace('awskms:///', '') }))
    await client.send(new DisableKeyCommand({ KeyId: KeyMetadata?.KeyId }))
    await expect(signer.sign(text.encode('x'))).rejects.toMatchObject({
      code: 'credentials',
      message: expect.stringContaining('signing failed: DisabledException'),
      hint: 'enable the key again, or cancel its deletion',
    })
  })
})

describe.skipIf(!vault)('a transit engine', () => {
  test('the newest version is meant without one, and an old one stays what it was', async () => {
    const { url, signer } = await makeServiceKey('hashivault://versions', serviceEnv)
    expect(url).toBe('hashivault://versions?version=1')
    await askVault('POST', 'transit/keys/versions/rotate')
    const newest = await openServiceKey('hashivault://versions', serviceEnv)
    expect(newest.url).toBe('hashivault://versions?version=2')
    expect(newest.signer.keyId).not.toBe(signer.keyId)
    expect((await openServiceKey(url, serviceEnv)).signer.keyId).toBe(signer.keyId)
    await expect(signer.sign(text.encode('x'))).resolves.toHaveLength(64)
    await expect(openServiceKey('hashivault://versions?version=3', serviceEnv)).rejects.toThrow('no version 3')
  })

  test('a token needs no more than the policy that the hint names', async () => {
    const { url, signer } = await makeServiceKey('hashivault://narrow', serviceEnv)
    const policy = `path "transit/keys/narrow" { capabilities = ["read"] }
      path "transit/sign/narrow/*" { capabilities = ["update"] }`
    await askVault('POST', 'sys/policies/acl/narrow', { policy })
    const { auth } = await askVault('POST', 'auth/token/create', { policies: ['narrow'] })
    const env = { ...serviceEnv, VAULT_TOKEN: String(Object(auth).client_token) }
    const opened = await openServiceKey(url, env)
    expect(opened.signer.keyId).toBe(signer.keyId)
    await expect(opened.signer.sign(text.encode('x'))).resolves.toHaveLength(64)
    const refused = await openServiceKey('hashivault://versions', env).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'credentials', message: expect.stringContaining('answered 403') })
    expect(JSON.stringify([refused, String(refused)])).not.toContain(env.VAULT_TOKEN)
  })

  test('another mount is found by its path, and a key of another kind is refused', async () => {
    await askVault('POST', 'sys/mounts/teams/os', { type: 'transit' })
    const env = { ...serviceEnv, TRANSIT_SECRET_ENGINE_PATH: 'teams/os' }
    expect((await makeServiceKey('hashivault://release', env)).created).toBe(true)
    await askVault('POST', 'teams/os/keys/other', { type: 'ed25519' })
    await expect(openServiceKey('hashivault://other', env)).rejects.toThrow('is a key of ed25519')
  })

  test('a namespace is where the key is', async () => {
    await askVault('POST', 'sys/namespaces/team')
    const env = { ...serviceEnv, VAULT_NAMESPACE: 'team' }
    await expect(openServiceKey('hashivault://release', env)).rejects.toMatchObject({ code: 'credentials' })
    await askVault('POST', 'team/sys/mounts/transit', { type: 'transit' })
    expect((await makeServiceKey('hashivault://release', env)).created).toBe(true)
    await expect(openServiceKey('hashivault://release', serviceEnv)).rejects.toThrow('Vault has no such key')
  })
})
