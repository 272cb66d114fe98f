import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { command, type Options, oneOf, parseDuration, settingsOf } from '../../cli/options.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { rootKey } from '../../documents/paths.ts'
import { maxRootBytes, type RoleName } from '../../documents/root.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { isoText } from '../../kernel/format.ts'
import { type KeyPair, keyFile, loadPairs, makeKey } from '../../runtime/keys.ts'
import type { StoreSetting } from '../../runtime/own-settings.ts'
import { makeStore, openStore } from '../../runtime/store.ts'
import { firstRoot, initStore } from '../roots.ts'

interface InitOptions extends Options {
  readonly rootKeys?: string
  readonly alg: 'EdDSA' | 'ES256'
  readonly maxValidity: string
}

/** Safe to repeat: existing keys and an existing root are used. */
export function initCommand(): Command {
  return command('init', 'make keys, a root and an empty catalog', ['store', 'keys'])
    .option('--root-keys <folder>', 'folder of the root keys, apart from the others: they belong offline')
    .option('--alg <alg>', 'EdDSA (Ed25519), or ES256 for key services', oneOf(['EdDSA', 'ES256']), 'EdDSA')
    .option(
      '--max-validity <duration>',
      'how long a catalog may be valid, such as P14D or PT72H',
      parseDuration,
      'P14D',
    )
    .action(async (options: InitOptions) => {
      const { store, keysDir } = settingsOf(options, ['store', 'keysDir'])
      const made = await initialise({ ...options, store, keysDir, rootKeysDir: options.rootKeys ?? keysDir })
      show(options.json, made, [`PLATTE_ROOT=${made.pin}`])
    })
}

interface NewStore {
  readonly store: StoreSetting
  readonly keysDir: string
  readonly rootKeysDir: string
  readonly alg: 'EdDSA' | 'ES256'
  readonly maxValidity: string
}

/** What `init` does; `start` does it too. */
export async function initialise({ store, keysDir, rootKeysDir, alg, maxValidity }: NewStore) {
  await makeStore(store)
  const open = await openStore(store)
  await refuseUnsafe({ ...open, log: warn })
  const hasRoot = (await open.documents.get(rootKey(1), maxRootBytes)) !== undefined
  const role = async (folder: string, name: RoleName): Promise<readonly KeyPair[]> => {
    const found = existsSync(folder) ? await loadPairs(folder, name) : []
    if (found.length > 0) return found
    if (hasRoot)
      throw new PlatteError('credentials', `this store has a root already, and ${folder} holds no ${name} key`, {
        hint: 'use another store, or the folders of the keys that the root names',
      })
    const made = await makeKey(keyFile(folder, name), alg)
    if (made.created) notice(`made ${keyFile(folder, name)}`)
    return [made]
  }
  const root = await role(rootKeysDir, 'root')
  const release = await role(keysDir, 'release')
  const timestamp = await role(keysDir, 'timestamp')
  const first = await firstRoot(
    { root: publicKeys(root), release: publicKeys(release), timestamp: publicKeys(timestamp) },
    { issuedAt: isoText(open.clock()), maxValidity },
  )
  const made = await initStore(
    { ...open, log: warn, release: [], timestamp: timestamp.map(({ signer }) => signer) },
    first,
    root.map(({ signer }) => signer),
  )
  notice(
    made.created ? 'the store has a root and an empty catalog now' : 'the store was made before; nothing was changed',
  )
  return made
}

const publicKeys = (pairs: readonly KeyPair[]) => pairs.map(({ publicKey }) => publicKey)

export function keygenCommand(): Command {
  return command('keygen', 'make a private key in FILE and print its public half', [])
    .argument('<file>', 'where the private key goes; it must not be there yet')
    .option('--alg <alg>', 'EdDSA (Ed25519), or ES256 for key services', oneOf(['EdDSA', 'ES256']), 'EdDSA')
    .action(async (file: string, options: Options & { alg: 'EdDSA' | 'ES256' }) => {
      const { created, signer, publicKey } = await makeKey(file, options.alg)
      if (!created) throw new PlatteError('refused', `${file} exists already`, { hint: 'name another file' })
      notice(`made ${file}; key id ${signer.keyId}`)
      show(options.json, { keyId: signer.keyId, publicKey }, [JSON.stringify(publicKey)])
    })
}
