/** Which files of a folder are keys of a role. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadFolder, makeKey } from '../../src/runtime/keys.ts'
import { keyAccess } from '../../src/runtime/passphrase.ts'

const access = keyAccess(() => ({}), {})

test('all files whose names begin with the role are its keys, as the settings say', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'platte-keys-'))
  const made = []
  for (const name of ['timestamp', 'timestamp-2027', 'timestamp2'])
    made.push((await makeKey(join(folder, `${name}.jwk`), 'EdDSA', access)).signer.keyId)
  await makeKey(join(folder, 'release.jwk'), 'EdDSA', access)
  await writeFile(join(folder, 'timestamp.txt'), 'no key')
  const loaded = await loadFolder(folder, 'timestamp', access)
  expect(loaded.map(({ keyId }) => keyId).sort()).toEqual(made.sort())
  await rm(folder, { recursive: true })
})
