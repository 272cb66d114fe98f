/** Commands that make a store, look at it, or sign its catalog again. */
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { withApp } from '../../cli/app.ts'
import { openCatalogOf } from '../../cli/open-catalog.ts'
import {
  command,
  keyAccessOf,
  keyFlags,
  type Options,
  openReadingOf,
  parseChannel,
  parseCount,
  parseDuration,
  readFlags,
  settingsOf,
  writeFlags,
} from '../../cli/options.ts'
import { progress } from '../../cli/progress.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { rootKey } from '../../documents/paths.ts'
import { maxRootBytes, type RoleName } from '../../documents/root.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { isoText, timeText } from '../../kernel/format.ts'
import { changeLine } from '../../release/diff.ts'
import { type KeyPair, keyFile, loadPairs, makeKey } from '../../runtime/keys.ts'
import type { StoreSetting } from '../../runtime/own-settings.ts'
import type { KeyAccess } from '../../runtime/passphrase.ts'
import { makeStore, openStore } from '../../runtime/store.ts'
import type { Algorithm } from '../../trust/keys.ts'
import type { Pin } from '../../trust/verify-root.ts'
import { inspectStore } from '../audit.ts'
import { storeFailures } from '../channels.ts'
import { refresh } from '../edit-catalog.ts'
import { channelHistory, type HistoryEntry } from '../history.ts'
import { loadForWriting } from '../read.ts'
import { firstRoot, initStore } from '../roots.ts'
import { loadPinnedRoot } from '../walk-roots.ts'
import { algOption } from './key.ts'

type InitOptions = Options & Readonly<{ rootKeys?: string; alg: Algorithm; maxValidity: string; encrypt?: true }>

const validityDoc = 'how long a catalog may be valid, such as P14D or PT72H'

/** Safe to repeat: existing keys and an existing root are used. */
export function initCommand(): Command {
  return command('init', 'make keys, a root and an empty catalog', ['store', 'keys', ...keyFlags])
    .option('--root-keys <folder>', 'folder of the root keys, apart from the others: they belong offline')
    .option(...algOption)
    .option('--encrypt', 'encrypt the root and release keys that are made, with a passphrase')
    .option('--max-validity <duration>', validityDoc, parseDuration, 'P14D')
    .action(async (options: InitOptions) => {
      const { store, keysDir, pin } = settingsOf(options, ['store', 'keysDir'])
      if (pin) await requirePinned(store, pin)
      const { rootKeys: rootKeysDir = keysDir } = options
      const made = await initialise({ ...options, store, keysDir, rootKeysDir, access: keyAccessOf(options) })
      if (made.created && options.rootKeys === undefined)
        notice(
          `warning: the root key is in ${keysDir}, too: keep it offline; --root-keys names its folder from then on`,
        )
      show(options.json, made, [`PLATTE_ROOT=${made.pin}`])
    })
}

interface NewStore extends Pick<InitOptions, 'alg' | 'maxValidity' | 'encrypt'> {
  readonly access: KeyAccess
  readonly store: StoreSetting
  readonly keysDir: string
  readonly rootKeysDir: string
}

/** A store that is not mounted looks empty: with a pin, a new root would be another one. */
async function requirePinned(store: StoreSetting, pin: Pin): Promise<void> {
  const { documents } = await openStore(store)
  const hint =
    'mount the store that PLATTE_ROOT names, or fill this one with `platte mirror` or `platte import`; for a new store, unset it'
  await loadPinnedRoot({ documents, pin, log: warn }).catch((error: unknown) => {
    if (!(error instanceof PlatteError) || storeFailures.includes(error.code)) throw error
    throw new PlatteError('refused', `PLATTE_ROOT names a root that this store does not have: ${error.message}`, {
      hint,
    })
  })
}

/** What `init` does; `start` does it too. */
export async function initialise({ store, keysDir, rootKeysDir, alg, maxValidity, ...keys }: NewStore) {
  const { access, encrypt } = keys
  await makeStore(store)
  const open = await openStore(store)
  await refuseUnsafe({ ...open, log: warn })
  const hasRoot = (await open.documents.get(rootKey(1), maxRootBytes)) !== undefined
  const role = async (folder: string, name: RoleName): Promise<readonly KeyPair[]> => {
    const found = existsSync(folder) ? await loadPairs(folder, name, access) : []
    if (found.length > 0) return found
    if (hasRoot)
      throw new PlatteError('credentials', `this store has a root already, and ${folder} holds no ${name} key`, {
        hint: 'use another store, or the folders of the keys that the root names',
      })
    const made = await makeKey(keyFile(folder, name), alg, access, encrypt && name !== 'timestamp')
    if (made.created) notice(`made ${keyFile(folder, name)}`)
    return [made]
  }
  const root = await role(rootKeysDir, 'root')
  const release = await role(keysDir, 'release')
  const timestamp = await role(keysDir, 'timestamp')
  const listed = { root: publicKeys(root), release: publicKeys(release), timestamp: publicKeys(timestamp) }
  const first = await firstRoot(listed, { issuedAt: isoText(open.clock()), maxValidity })
  const made = await initStore({ ...open, log: warn, release: [], timestamp: signers(timestamp) }, first, signers(root))
  notice(`the store ${made.created ? 'has a root and an empty catalog now' : 'was made before; nothing was changed'}`)
  return made
}

const publicKeys = (pairs: readonly KeyPair[]) => pairs.map(({ publicKey }) => publicKey)
const signers = (pairs: readonly KeyPair[]) => pairs.map(({ signer }) => signer)

export function verifyCommand(): Command {
  return command('verify', 'check the whole store: chain, digests, packages, orphans', readFlags)
    .option('--partial', 'for a partial mirror: missing objects are notes, not errors')
    .action(async ({ partial, ...options }: Options & { readonly partial?: true }) => {
      const { store } = await openReadingOf(options, warn)
      const onPackage = ({ name, size }: { readonly name: string; readonly size: number }) => progress(name, size)
      const inspection = await inspectStore({ ...store, isPartial: partial, onPackage })
      const { findings, channels, manifests, packages, unchecked } = inspection
      show(options.json, inspection, [
        ...findings.map(({ level, key, problem }) => `${level}: ${key}: ${problem}`),
        ...unchecked.map((what) => `not checked: ${what}`),
        `channels ${channels}, manifests ${manifests}, packages ${packages}`,
      ])
      const errors = findings.filter(({ level }) => level === 'error').length
      if (errors === 0) return
      const problem = `${errors} ${errors === 1 ? 'object is' : 'objects are'} lost, or not what was signed`
      throw new PlatteError('mismatch', problem, {
        hint: 'restore changed or lost objects from a backup, and publish lost packages again; for an expired catalog, run `platte refresh --force`',
      })
    })
}

export function refreshCommand(): Command {
  return command('refresh', 'sign the catalog again, with newly committed manifests', writeFlags)
    .option('--force', 'sign it even if it is recent, expired or dated in the future')
    .action(async (options: Options & { force?: boolean }) => {
      const { store } = await openCatalogOf(options, warn)
      const result = await refresh(store, { force: options.force ?? false })
      const done = result.kind === 'refreshed' ? 'refreshed' : 'young enough'
      show(options.json, result, [
        ...result.rolled.map(({ app, channel }) => `${app}/${channel}: rolled forward`),
        `${done}; the catalog expires ${timeText(result.expires)}`,
      ])
      const { length } = result.problems
      if (length === 0) return
      throw new PlatteError(
        'mismatch',
        `${length} ${length === 1 ? 'channel stays' : 'channels stay'} at an earlier revision`,
        {
          hint: 'the lines above say why, and `platte verify` checks everything; the other channels were refreshed',
        },
      )
    })
}

export function historyCommand(): Command {
  return command('history', 'show who changed a channel, when, and what: verified', [...readFlags, 'app'])
    .requiredOption('--channel <channel>', 'the channel', parseChannel)
    .option('--limit <count>', 'show this many of the newest', parseCount, 20)
    .action(async (options: Options & { channel: string; limit: number }) => {
      const { store, settings } = await openReadingOf(await withApp(options), warn, ['app'])
      const found: HistoryEntry[] = []
      try {
        for await (const one of channelHistory(store, { app: settings.app, channel: options.channel })) {
          found.push(one)
          if (found.length === options.limit) break
        }
      } finally {
        const now = found.flatMap(({ brakes = [] }) => brakes.map((one) => `now: ${changeLine(one)}`))
        if (found.length > 0) show(options.json, found, [...now, ...found.flatMap(linesOf)])
      }
      const { root } = await loadForWriting(store)
      if (!options.json && root.root.format < 2)
        notice('note: holds and stopped ramps leave no entries in a store of format 1 (`platte root format 2`)')
    })
}

const linesOf = ({ signs, seq, issuedAt, keyIds, ...more }: HistoryEntry): readonly string[] => {
  const { provenance = {}, message, changes } = more
  const what = signs ? `at revision ${seq}` : `revision ${seq}`
  return [
    `${what}  ${timeText(issuedAt)}  signed by ${keyIds.map((id) => id.slice(0, 8)).join(', ')}`,
    ...Object.entries({ ...provenance, ...(message && { message }) }).map(([name, value]) => `    ${name}: ${value}`),
    ...(changes.length === 0
      ? [seq === 1 ? '    created, empty' : '    signed again, content unchanged']
      : changes.map((one) => `    ${changeLine(one)}`)),
  ]
}
