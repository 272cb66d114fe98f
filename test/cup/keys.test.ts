/** CUP keys: the role in the root, the file, and what a stolen key cannot do. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { editRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { makeCupKey, type P256Key, publicHalf, readKeySet } from '../../src/cup/keys.ts'
import { cupSettings } from '../../src/cup/settings.ts'
import { type CupKey, checkRoot } from '../../src/documents/root.ts'
import { isoText } from '../../src/kernel/format.ts'
import { addCupKey, readCupKeys } from '../../src/runtime/cup-keys.ts'
import { seal } from '../../src/trust/envelope.ts'
import { importSigner } from '../../src/trust/keys.ts'
import { verifyNextRoot } from '../../src/trust/verify-root.ts'
import { ask, bytesOf, newReader, newStore, now, publishOne, refusal } from '../world.ts'
import { nextRoot } from './root.ts'

const key = (await makeCupKey('16')) as P256Key
const [first, other, mlDsa] = (await Promise.all(
  [key, await makeCupKey('16'), await makeCupKey('ML-DSA-44-16')].map(publicHalf),
)) as [CupKey, CupKey, CupKey]
const dir = mkdtempSync(join(tmpdir(), 'platte-cup-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe('the role in the root', () => {
  test('is added, kept by other edits, and taken away', async () => {
    const store = await newStore({ format: 2 })
    const added = await nextRoot(store, { cup: { add: [first, mlDsa] } })
    expect(added.root.roles.cup?.keys.map(({ kid }) => kid)).toEqual(['16', 'ML-DSA-44-16'])
    expect((await nextRoot(store, { maxValidity: 'P7D' })).root.roles.cup).toEqual(added.root.roles.cup)
    expect((await nextRoot(store, { cup: { add: [first], remove: ['ML-DSA-44-16'] } })).root.roles.cup?.keys).toEqual([
      first,
    ])
    expect((await nextRoot(store, { cup: { remove: ['16'] } })).root.roles.cup).toBeUndefined()
  })

  test.each<[string, 1 | 2, object, string]>([
    ['format 1', 1, { add: [first] }, 'refused: a CUP key needs format 2, and this store is at format 1'],
    ['an id of another key', 2, { add: [other] }, 'refused: CUP key id 16 is of another key in this root'],
    ['an id that is not listed', 2, { remove: ['15'] }, 'refused: the root has no CUP key 15'],
  ])('%s: refused', async (_, format, cup, problem) => {
    const store = await newStore({ format })
    if (format === 2) await nextRoot(store, { cup: { add: [first] } })
    const root = await loadRoot(store.publisher)
    expect(await refusal(editRoot(root, { cup }, isoText(now)))).toBe(problem)
  })

  test('a document of format 1 has none', async () => {
    const { root } = await loadRoot((await newStore()).publisher)
    expect(() => checkRoot({ ...root, roles: { ...root.roles, cup: { keys: [first] } } })).toThrow(/need format 2/)
  })

  test('an id goes with its kind of key', async () => {
    const { root } = await loadRoot((await newStore({ format: 2 })).publisher)
    const wrong = [
      { ...first, kid: 'ML-DSA-44-16' },
      { ...mlDsa, kid: '16' },
      { ...first, kid: '016' },
    ]
    for (const one of wrong)
      expect(() => checkRoot({ ...root, roles: { ...root.roles, cup: { keys: [one] } } })).toThrow()
    expect(() => checkRoot({ ...root, roles: { ...root.roles, cup: { keys: [first, other] } } })).toThrow(/twice/)
  })
})

describe('a stolen CUP key', () => {
  test('signs no root, and no catalog', async () => {
    const store = await newStore({ format: 2 })
    await publishOne(store, '2')
    await nextRoot(store, { cup: { add: [first] } })
    const { kid: _, ...jwk } = key
    const thief = await importSigner(jwk, 'a stolen key')
    const root = await loadRoot(store.publisher)
    const next = await editRoot(root, { maxValidity: 'P9D' }, isoText(now))
    expect(await refusal(verifyNextRoot(await seal('platte-root+jws', bytesOf(next), [thief]), root))).toMatch(
      /^bad-signature: .*is not a key of this role/,
    )
    const catalog = await store.bucket.read('catalog.jws')
    const payload = Buffer.from(JSON.parse(Buffer.from(catalog).toString()).payload, 'base64url')
    await store.bucket.overwrite('catalog.jws', await seal('platte-catalog+jws', payload, [thief]))
    expect(await ask(newReader(store))).toBe('unverifiable')
  })

  test('is never a key of documents as well', async () => {
    const store = await newStore({ format: 2 })
    const { kid: _, ...jwk } = first
    const root = await loadRoot(store.publisher)
    const add = { role: 'release', key: jwk as never } as const
    const next = await editRoot(root, { add, cup: { add: [first] } }, isoText(now))
    const signed = await seal('platte-root+jws', bytesOf(next), store.keys.root)
    expect(await refusal(verifyNextRoot(signed, root))).toBe('bad-document: root 2: CUP key 16 is a key of documents')
  })
})

describe('the file of keys', () => {
  test('gets every version, and only its owner can read it', async () => {
    const file = join(dir, 'cup.jwks')
    for (const id of ['16', 'ML-DSA-44-16', '17'])
      expect(await addCupKey(file, id)).toMatchObject({ publicKey: { kid: id } })
    expect((await readCupKeys(file)).map(({ kid }) => kid)).toEqual(['16', 'ML-DSA-44-16', '17'])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const before = readFileSync(file, 'utf8')
    expect(await refusal(addCupKey(file, '16'))).toBe(`refused: ${file} has a CUP key 16 already`)
    expect(await refusal(addCupKey(file, 'P-256'))).toBe('usage: "P-256" is no CUP key id')
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test.each<[string, unknown, string]>([
    ['no JSON', 'secret', 'is not a JSON object'],
    ['a key without its private half', { keys: [first] }, 'is wrong at keys.0.d'],
    ['another kind of key', { keys: [{ ...key, crv: 'P-384' }] }, 'is wrong at keys.0.crv'],
    ['a key twice', { keys: [key, key] }, 'has two keys 16'],
    ['nothing', { keys: [] }, 'is wrong at keys'],
  ])('%s: refused without a word of it', (_, value, problem) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    expect(() => readKeySet(text, 'cup.jwks')).toThrow(`cup.jwks: ${problem}`)
  })

  test('as a setting', () => {
    const { parse, inFunction } = cupSettings.cupKeys
    expect(parse('file:/etc/platte/cup.jwks')).toEqual({ file: '/etc/platte/cup.jwks' })
    expect(parse('{"keys":[]}')).toEqual({ text: '{"keys":[]}' })
    expect(() => parse('secret')).toThrow(/^is neither a JWK Set nor file:PATH$/)
    expect(inFunction({ file: 'x' })).toContain('set it to the JWK Set itself')
  })

  test('a missing file is named', async () => {
    writeFileSync(join(dir, 'broken.jwks'), '{}')
    expect(await refusal(readCupKeys(join(dir, 'none.jwks')))).toMatch(/none\.jwks cannot be read/)
    expect(await refusal(readCupKeys(join(dir, 'broken.jwks')))).toMatch(/broken\.jwks: is wrong at keys/)
  })
})
