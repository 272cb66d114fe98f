/** What is refused before, or instead of, an answer of a key service. */
import { expect, test } from 'vitest'
import { vault as vaultService } from '../../src/key-services/vault.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { openServiceKey } from '../../src/runtime/key-services.ts'
import { openDeployment, settingsOrProblems } from '../../src/runtime/serverless.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { newKey } from '../trust/world.ts'

test('without an answer, or without knowing where Vault is, the error says what to set', async () => {
  const nobody = { VAULT_ADDR: 'http://127.0.0.1:9', VAULT_TOKEN: 'hvs.secret' }
  const failed = await openServiceKey('hashivault://one', nobody).catch((error: unknown) => error)
  expect(failed).toMatchObject({ code: 'credentials', message: expect.stringContaining('Vault did not answer') })
  expect(JSON.stringify([failed, String(failed)])).not.toContain('hvs.secret')
  await expect(openServiceKey('hashivault://one', { VAULT_ADDR: 'vault' })).rejects.toThrow(
    'VAULT_ADDR must be the URL',
  )
  await expect(openServiceKey('hashivault://one', { VAULT_ADDR: 'http://x' })).rejects.toThrow('VAULT_TOKEN is missing')
})

test.each([
  ['hashivault://'],
  ['hashivault://a/b'],
  ['hashivault://a?version=0'],
  ['hashivault://a?version=1&version=2'],
  ['hashivault://a?key=1'],
  ['hashivault://a#1'],
  ['awskms://'],
  ['awskms:///alias/a?x=1'],
  ['gcpkms://projects/a'],
  ['not a URL'],
])('%s is no key', async (url) => {
  await expect(openServiceKey(url, {})).rejects.toMatchObject({ code: 'usage' })
})

test.each([
  ['no signature', 'AAAA', /Vault answered no signature$/],
  ['the signature of another key', 'A'.repeat(86), /signed with another key than the one that was made or named$/],
])('an answer that is %s is refused', async (_, answer, message) => {
  const { jwk: publicKey } = await newKey('ES256')
  const send = async () => ({ status: 200, text: `{"data":{"signature":"vault:v1:${answer}"}}` })
  const env = { VAULT_ADDR: 'http://127.0.0.1', VAULT_TOKEN: 'x' }
  const { signer } = await vaultService.open(new URL('hashivault://a?version=1'), { env, send }, publicKey)
  await expect(signer.sign(new Uint8Array(1))).rejects.toMatchObject({
    code: 'credentials',
    message: expect.stringMatching(message),
  })
})

test('a Worker, which has no key services, says so instead of serving', async () => {
  const pin = `1:sha256:${'0'.repeat(64)}`
  const common = { PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: 'https://updates.example.org' }
  const env = { ...common, PLATTE_TIMESTAMP_KEY: 'hashivault://timestamp' }
  const settings = settingsOrProblems(env, ['pin', 'publicUrl'], { features: [] })
  if (typeof settings === 'string') throw new Error(settings)

  const parts = {
    documents: memoryDocuments(),
    packages: memoryPackages(nodeHasher),
    newHasher: nodeHasher,
    bindings: {},
  }
  const { fetch } = await openDeployment(settings, env, {
    ...{ ...parts, features: [], log: () => {}, slice: { most: 1, opens: 1 }, background: () => undefined },
    transport: () => Promise.reject(new Error('no network')),
    openUploads: () => Promise.reject(new Error('no uploads')),
  })
  const response = await fetch(new Request('http://127.0.0.1/v1/update/'))
  expect(response.status).toBe(500)
  expect(await response.text()).toContain('hashivault://timestamp: a Worker needs env://NAME')
})
