/** Keys in files and variables: which belong to a role, in which forms, and how a file is replaced. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { publicKeyOf } from '../../src/documents/root.ts'
import { loadFolder, loadOnlineKeys, loadPair, loadPublicKey, makeKey, recodeKey } from '../../src/runtime/keys.ts'
import { keyAccess } from '../../src/runtime/passphrase.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { generateKey } from '../../src/trust/keys.ts'

const passphrase = 'correct horse battery staple'
const access = keyAccess(() => ({}), { PLATTE_PASSPHRASE: passphrase })
const without = keyAccess(() => ({}), {})
let folder: string
const at = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platte-keys-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('all files whose names begin with the role are its keys, as the settings say', async () => {
  const made = []
  for (const name of ['timestamp', 'timestamp-2027', 'timestamp2'])
    made.push((await makeKey(at(`${name}.jwk`), 'EdDSA', without)).signer.keyId)
  await makeKey(at('release.jwk'), 'EdDSA', without)
  await writeFile(at('timestamp.txt'), 'no key')
  const loaded = await loadFolder(folder, 'timestamp', without)
  expect(loaded.map(({ keyId }) => keyId).sort()).toEqual(made.sort())
})

test('a variable holds a key, plain or encrypted', async () => {
  const { signer } = await makeKey(at('encrypted.jwk'), 'ES256', access, true)
  const env = { RELEASE: await readFile(at('encrypted.jwk'), 'utf8'), PLATTE_PASSPHRASE: passphrase }
  const settings = readSettings({ PLATTE_RELEASE_KEY: 'env://RELEASE' })
  const { release } = await loadOnlineKeys(
    settings,
    keyAccess(() => settings, env),
  )
  expect(release.map(({ keyId }) => keyId)).toEqual([signer.keyId])
})

test('a key that is made by several at a time is one key', async () => {
  const made = await Promise.all([1, 2, 3].map(() => makeKey(at('race.jwk'), 'EdDSA', without)))
  expect(new Set(made.map(({ signer }) => signer.keyId)).size).toBe(1)
  expect(made.filter(({ created }) => created)).toHaveLength(1)
})

test('a link stays a link, the mode stays, and nothing else is left in the folder', async () => {
  const { signer } = await makeKey(at('target.jwk'), 'EdDSA', without)
  await chmod(at('target.jwk'), 0o640)
  await symlink('target.jwk', at('link.jwk'))
  const before = await readdir(folder)
  await recodeKey(at('link.jwk'), 'encrypted', access)
  expect(await readdir(folder)).toEqual(before)
  expect((await stat(at('target.jwk'))).mode & 0o777).toBe(0o640)
  expect(await readFile(at('target.jwk'), 'utf8')).toMatch(/^eyJ/)
  expect((await loadPair(at('link.jwk'), access)).signer.keyId).toBe(signer.keyId)
  await recodeKey(at('link.jwk'), 'plain', access)
  expect((await loadPair(at('target.jwk'), without)).signer.keyId).toBe(signer.keyId)
})

test('the file of a key in a service shows its public half without asking for it', async () => {
  const { publicKey } = await makeKey(at('es256.jwk'), 'ES256', without)
  await writeFile(at('elsewhere.jwk'), JSON.stringify({ ...publicKey, service: 'awskms:///alias/none' }))
  expect(await loadPublicKey(at('elsewhere.jwk'), without)).toEqual(publicKey)
  const settings = readSettings({ PLATTE_RELEASE_KEY: at('elsewhere.jwk') })
  const { release } = await loadOnlineKeys(settings, without)
  expect(release).toHaveLength(1)
})

test('a file of another service is refused by name', async () => {
  const { publicKey } = await makeKey(at('es256.jwk'), 'ES256', without)
  await writeFile(at('other.jwk'), JSON.stringify({ ...publicKey, service: 'file:///etc/passwd' }))
  await expect(loadPair(at('other.jwk'), without)).rejects.toMatchObject({ code: 'usage' })
})

const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le')

test.each([
  ['line breaks of Windows', Buffer.from(`${passphrase}\r\n`)],
  ['a byte order mark', Buffer.from(`\ufeff${passphrase}\n`)],
  ['UTF-16, as PowerShell writes', utf16(`${passphrase}\r\n`)],
  ['UTF-16 of the other byte order', utf16(`${passphrase}\r\n`).swap16()],
])('a passphrase file may have %s', async (_, bytes) => {
  await writeFile(at('words'), bytes)
  const opening = keyAccess(() => ({ passphraseFile: at('words') }), {})
  expect(await opening.passphrases('x')).toEqual([passphrase])
})

test('a variable that was made of a file may end in a line break', async () => {
  expect(await keyAccess(() => ({}), { PLATTE_PASSPHRASE: `${passphrase}\r\n` }).passphrases('x')).toEqual([passphrase])
})

test.each([
  ['a byte order mark', (jwk: string) => Buffer.from(`\ufeff${jwk}\r\n`)],
  ['UTF-16', utf16],
])('a key file may have %s', async (_, encode) => {
  const jwk = JSON.stringify(await generateKey('EdDSA'))
  await writeFile(at('edited.jwk'), encode(jwk))
  expect((await loadPair(at('edited.jwk'), access)).publicKey).toEqual(publicKeyOf('x', JSON.parse(jwk)))
})
