import { writeFile } from 'node:fs/promises'
import { Command, InvalidArgumentError } from 'commander'
import {
  command,
  type Options,
  oneOf,
  openReadingOf,
  openStoreOf,
  parseDuration,
  parseInstant,
  readFlags,
  writeFlags,
} from '../../cli/options.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { type RoleName, roleNames } from '../../documents/root.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { timeText } from '../../kernel/format.ts'
import { loadFolder, loadPair, loadPublicKey, makeKey } from '../../runtime/keys.ts'
import type { Signer } from '../../trust/signer.ts'
import { formatPin, type TrustedRoot } from '../../trust/verify-root.ts'
import { loadRoot } from '../read.ts'
import { publishRoot, signRoot } from '../roots.ts'
import { refreshIfAble, reissueChannels, rotateKey } from '../rotate.ts'
import { type DraftOptions, outOption, readDraft, writeDraft } from './draft.ts'
import { formatCommand } from './root-format.ts'

export function rootCommand(): Command {
  const root = new Command('root').description('show and change the list of keys, roles and thresholds').exitOverride()
  for (const make of [showRoot, editDraft, signDraft, publishDraft, rotate, reissue, formatCommand])
    root.addCommand(make())
  return root
}

const pinOf = ({ root, sha256 }: TrustedRoot): string => formatPin({ version: root.version, sha256 })

function showRoot(): Command {
  return command('show', 'show the newest root that the pin leads to', readFlags).action(async (options: Options) => {
    const { store } = await openReadingOf(options, warn)
    const trusted = await loadRoot(store)
    const { version, format, issuedAt, expires, roles } = trusted.root
    show(options.json, { pin: pinOf(trusted), root: trusted.root }, [
      `root ${version}, format ${format}, issued ${timeText(issuedAt)}, expires ${expires ? timeText(expires) : 'never'}`,
      ...roleNames.map((name) => `${name}: ${roles[name].threshold} of ${roles[name].keyIds.join(', ')}`),
      `catalogs are valid for ${roles.timestamp.maxValidity} at most`,
      `PLATTE_ROOT=${pinOf(trusted)}`,
    ])
  })
}

interface EditOptions extends DraftOptions {
  readonly addKey?: string
  readonly removeKey?: string
  readonly role?: RoleName
  readonly threshold?: { readonly role: RoleName; readonly count: number }
  readonly expires?: string
  readonly maxValidity?: string
}

function editDraft(): Command {
  return command('edit', 'write a draft of the next root, to be signed', readFlags)
    .option('--add-key <file>', 'a key file (public or private) whose public key joins --role')
    .option('--remove-key <key-id>', 'a key that leaves --role')
    .option('--role <role>', 'root, release or timestamp', oneOf(roleNames))
    .option('--threshold <role=n>', 'how many keys of a role must sign, such as release=2', parseThreshold)
    .option('--expires <instant>', 'when the root expires, such as 2028-01-01T00:00:00Z; or never', parseExpiry)
    .option('--max-validity <duration>', 'how long a catalog may be valid, such as PT72H', parseDuration)
    .option(...outOption)
    .action(async (options: EditOptions) => {
      const { role, addKey, removeKey, threshold, expires, maxValidity } = options
      if ((addKey || removeKey) && role === undefined)
        throw new PlatteError('usage', 'name the role of the key with --role')
      if (!addKey && !removeKey && !threshold && !expires && !maxValidity)
        throw new PlatteError('usage', 'use --add-key, --remove-key, --threshold, --expires or --max-validity')
      const { store } = await openReadingOf(options, warn)
      const edit = {
        ...(addKey && role && { add: { role, key: await loadPublicKey(addKey) } }),
        ...(removeKey && role && { remove: { role, keyId: removeKey } }),
        ...(threshold && { thresholds: { [threshold.role]: threshold.count } }),
        ...(expires && { expires }),
        ...(maxValidity && { maxValidity }),
      }
      await writeDraft(store, await loadRoot(store), edit, options)
    })
}

const parseExpiry = (text: string): string => (text === 'never' ? text : parseInstant(text))

function parseThreshold(text: string): { role: RoleName; count: number } {
  const [, name, count] = /^(\w+)=(\d{1,2})$/.exec(text) ?? []
  const role = roleNames.find((known) => known === name)
  if (role === undefined || Number(count) < 1) throw new InvalidArgumentError('Use ROLE=N, such as release=2.')
  return { role, count: Number(count) }
}

function signDraft(): Command {
  return command('sign', 'sign a draft of a root, or add a signature to a signed one', [])
    .argument('<file>', 'what `platte root edit` or another `platte root sign` wrote')
    .requiredOption('--key <file>', 'a root key')
    .option('--out <file>', 'where the signed root goes (FILE with .jws; a signed one is replaced)')
    .action(async (file: string, options: Options & { key: string; out?: string }) => {
      const { signer } = await loadPair(options.key)
      const signed = await signRoot(await readDraft(file), signer)
      const out = options.out ?? file.replace(/\.json$/, '.jws')
      await writeFile(out, signed)
      notice(`signed with ${signer.keyId}; when enough have signed: platte root publish ${out}`)
      show(options.json, { file: out, keyId: signer.keyId }, [out])
    })
}

function publishDraft(): Command {
  return command('publish', 'put a signed root into the store, after the newest one', writeFlags)
    .argument('<file>', 'the signed root')
    .action(async (file: string, options: Options) => {
      const { store } = await openStoreOf(options, warn)
      const trusted = await publishRoot(store, await readDraft(file))
      const named = await refreshIfAble(store)
      notice(named ? 'the catalog names it' : 'it is used once the catalog names it: run `platte refresh`, then pin it')
      show(options.json, { version: trusted.root.version, pin: pinOf(trusted) }, [`PLATTE_ROOT=${pinOf(trusted)}`])
    })
}

interface RotateOptions extends Options {
  readonly role: RoleName
  readonly newKey: string
  readonly alg: 'EdDSA' | 'ES256'
  readonly replace?: string
  readonly rootKeys: string
}

function rotate(): Command {
  return command('rotate', 'replace a key: safe to repeat until it is done', writeFlags)
    .requiredOption('--role <role>', 'root, release or timestamp', oneOf(roleNames))
    .requiredOption('--new-key <file>', 'the file of the new key; made if it is not there')
    .requiredOption('--root-keys <folder>', 'folder of the root keys')
    .option('--alg <alg>', 'of a key that is made: EdDSA or ES256', oneOf(['EdDSA', 'ES256']), 'EdDSA')
    .option('--replace <key-id>', 'the key that goes; needed where the role has several')
    .action(async (options: RotateOptions) => {
      const { store } = await openStoreOf(options, warn)
      const rootKeys = await loadFolder(options.rootKeys, 'root')
      if (rootKeys.length === 0)
        throw new PlatteError('credentials', `${options.rootKeys} holds no root key`, {
          hint: 'name the folder of root*.jwk with --root-keys',
        })
      const fresh = await makeKey(options.newKey, options.alg)
      const { role, replace } = options
      const withFresh = (keys: readonly Signer[]): readonly Signer[] =>
        keys.some(({ keyId }) => keyId === fresh.signer.keyId) ? keys : [...keys, fresh.signer]
      const writer = role === 'root' ? store : { ...store, [role]: withFresh(store[role]) }
      const rotation = { role, key: fresh.publicKey, ...(replace && { replaces: replace }) }
      const trusted = await rotateKey(writer, rotation, role === 'root' ? withFresh(rootKeys) : rootKeys)
      notice(`${role} is signed by ${fresh.signer.keyId} now; pin the new root everywhere, then destroy the old key`)
      show(options.json, { version: trusted.root.version, pin: pinOf(trusted) }, [`PLATTE_ROOT=${pinOf(trusted)}`])
    })
}

function reissue(): Command {
  return command('reissue', 'issue every channel anew, signed by all release keys at hand', writeFlags).action(
    async (options: Options) => {
      const { store } = await openStoreOf(options, warn)
      const issued = await reissueChannels(store)
      await refreshIfAble(store)
      const lines = issued.map(({ app, channel }) => `${app}/${channel}: issued anew`)
      show(options.json, issued, lines)
    },
  )
}
