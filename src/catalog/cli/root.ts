import { writeFile } from 'node:fs/promises'
import { Command, InvalidArgumentError } from 'commander'
import {
  command,
  keyAccessOf,
  keyFlags,
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
import { cupDraft } from '../../cup/cli/root-cup.ts'
import { firstReaderOf, newestFormat, type RoleName, roleNames } from '../../documents/root.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { durationText, timeText } from '../../kernel/format.ts'
import { parseJsonObject } from '../../kernel/json.ts'
import { compareVersions, parseVersion } from '../../release/version.ts'
import { loadFolder, loadPair, loadPublicKey, makeKey, rootKeysHint } from '../../runtime/keys.ts'
import type { Algorithm, Signer } from '../../trust/keys.ts'
import { formatPin, type TrustedRoot } from '../../trust/verify-root.ts'
import { publishRoot, type RootEdit, signRoot } from '../roots.ts'
import { refreshIfAble, reissueChannels, rotateKey } from '../rotate.ts'
import { loadRoot } from '../walk-roots.ts'
import { type DraftOptions, outOption, readDraft, refuse, writeDraft } from './draft.ts'

export function rootCommand(): Command {
  const root = new Command('root').description('show and change the list of keys, roles and thresholds').exitOverride()
  for (const make of [showRoot, editDraft, signDraft, publishDraft, rotate, reissue, formatCommand, cupDraft])
    root.addCommand(make())
  return root
}

const pinOf = ({ root, sha256 }: TrustedRoot): string => formatPin({ version: root.version, sha256 })

const showPin = ({ json }: Options, trusted: TrustedRoot): void =>
  show(json, { version: trusted.root.version, pin: pinOf(trusted) }, [`PLATTE_ROOT=${pinOf(trusted)}`])

function showRoot(): Command {
  return command('show', 'show the newest root that the pin leads to', readFlags).action(async (options: Options) => {
    const { store } = await openReadingOf(options, warn)
    const trusted = await loadRoot(store)
    const { version, format, issuedAt, expires, roles } = trusted.root
    show(options.json, { pin: pinOf(trusted), root: trusted.root }, [
      `root ${version}, format ${format}, issued ${timeText(issuedAt)}, expires ${expires ? timeText(expires) : 'never'}`,
      ...roleNames.map((name) => `${name}: ${roles[name].threshold} of ${roles[name].keyIds.join(', ')}`),
      ...(roles.cup ? [`cup: ${roles.cup.keys.map(({ kid }) => kid).join(', ')}`] : []),
      `catalogs are valid for ${roles.timestamp.maxValidity} at most`,
      `PLATTE_ROOT=${pinOf(trusted)}`,
    ])
  })
}

interface EditOptions extends DraftOptions, Pick<RootEdit, 'expires' | 'maxValidity'> {
  readonly addKey?: string
  readonly removeKey?: string
  readonly role?: RoleName
  readonly threshold?: ReturnType<typeof parseThreshold>
}

function editDraft(): Command {
  return command('edit', 'write a draft of the next root, to be signed', [...readFlags, ...keyFlags])
    .option(
      '--add-key <file>',
      'a key (a file, public or private, or the URL of a key service) whose public key joins --role',
    )
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
        ...(addKey && role && { add: { role, key: await loadPublicKey(addKey, keyAccessOf(options)) } }),
        ...(removeKey && role && { remove: { role, keyId: removeKey } }),
        ...(threshold && { thresholds: { [threshold.role]: threshold.count } }),
        ...{ expires, maxValidity },
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
  return command('sign', 'sign a draft of a root, or add a signature to a signed one', keyFlags)
    .argument('<file>', 'what `platte root edit` or another `platte root sign` wrote')
    .requiredOption('--key <file>', 'a root key: a file, or the URL of a key service')
    .option('--out <file>', 'where the signed root goes (FILE with .jws; a signed one is replaced)')
    .action(async (file: string, options: Options & { key: string; out?: string }) => {
      const { signer } = await loadPair(options.key, keyAccessOf(options))
      const signed = await signRoot(await readDraft(file), signer)
      const out = options.out ?? file.replace(/\.json$/, '.jws')
      await writeFile(out, signed).catch(refuse(`${out} cannot be written`))
      notice(`signed with ${signer.keyId}; when enough have signed: platte root publish ${out}`)
      show(options.json, { file: out, keyId: signer.keyId }, [out])
    })
}

function publishDraft(): Command {
  return command('publish', 'put a signed root into the store, after the newest one', writeFlags)
    .argument('<file>', 'the signed root')
    .action(async (file: string, options: Options) => {
      const { store } = await openStoreOf(options, warn)
      const bytes = await readDraft(file)
      checkSigned(file, bytes)
      const trusted = await publishRoot(store, bytes)
      const named = await refreshIfAble(store)
      notice(named ? 'the catalog names it' : 'it is used once the catalog names it: run `platte refresh`, then pin it')
      showPin(options, trusted)
    })
}

function checkSigned(file: string, bytes: Uint8Array): void {
  const value = parseJsonObject(new TextDecoder().decode(bytes))
  if (value === undefined || 'payload' in value) return
  const isDraft = value.type === 'root'
  const hint = `sign ${isDraft ? 'it' : 'the draft'} first: platte root sign ${isDraft ? file : 'DRAFT'} --key ROOT-KEY-FILE`
  throw new PlatteError('usage', `${file} is ${isDraft ? 'a draft without signatures' : 'no signed root'}`, { hint })
}

type KeyOptions = Readonly<{ newKey: string; alg: Algorithm; encrypt?: true }>
type RotateOptions = Options & KeyOptions & Readonly<{ role: RoleName; replace?: string; rootKeys: string }>

function rotate(): Command {
  return command('rotate', 'replace a key: safe to repeat until it is done', writeFlags)
    .requiredOption('--role <role>', 'root, release or timestamp', oneOf(roleNames))
    .requiredOption('--new-key <file>', 'the new key: a file, made if it is missing, or the URL of a key service')
    .requiredOption('--root-keys <folder>', 'folder of the root keys')
    .option('--alg <alg>', 'of a key that is made: EdDSA or ES256', oneOf(['EdDSA', 'ES256']), 'EdDSA')
    .option('--encrypt', 'encrypt a key that is made, with a passphrase')
    .option('--replace <key-id>', 'the key that goes; needed where the role has several')
    .action(async (options: RotateOptions) => {
      const { store } = await openStoreOf(options, warn)
      const access = keyAccessOf(options)
      const rootKeys = await loadFolder(options.rootKeys, 'root', access)
      if (rootKeys.length === 0)
        throw new PlatteError('credentials', `${options.rootKeys} holds no root key`, { hint: rootKeysHint })
      const fresh = await makeKey(options.newKey, options.alg, access, options.encrypt)
      const { role, replace } = options
      const withFresh = (keys: readonly Signer[]): readonly Signer[] =>
        keys.some(({ keyId }) => keyId === fresh.signer.keyId) ? keys : [...keys, fresh.signer]
      const writer = role === 'root' ? store : { ...store, [role]: withFresh(store[role]) }
      const rotation = { role, key: fresh.publicKey, replaces: replace }
      const trusted = await rotateKey(writer, rotation, role === 'root' ? withFresh(rootKeys) : rootKeys)
      notice(`${role} is signed by ${fresh.signer.keyId} now; pin the new root everywhere, then destroy the old key`)
      showPin(options, trusted)
    })
}

function reissue(): Command {
  const made = command('reissue', 'sign every channel again, with all release keys at hand', writeFlags)
  return made.action(async (options: Options) => {
    const { store } = await openStoreOf(options, warn)
    const issued = await reissueChannels(store)
    await refreshIfAble(store)
    const lines = issued.map(({ app, channel }) => `${app}/${channel}: issued anew`)
    show(options.json, issued, lines)
  })
}

/** Lets a store use what older readers refuse: a root edit, so the root keys sign it. */
function formatCommand(): Command {
  return command('format', 'write a draft of a root that allows a newer format', readFlags)
    .argument('<format>', `the format, at most ${newestFormat}`, Number)
    .option('--oldest-reader <version>', 'the oldest version of Platte that reads this store, anywhere')
    .option(...outOption)
    .action(async (format: number, options: DraftOptions & { readonly oldestReader?: string }) => {
      const { store } = await openReadingOf(options, warn)
      const current = await loadRoot(store)
      checkFormat(format, current.root.format)
      if (format === current.root.format) {
        notice(`this store is at format ${format} already`)
        return show(options.json, current.root, [])
      }
      for (const line of beforehand(format, current.root.roles.timestamp.maxValidity)) notice(line)
      confirm(format, options.oldestReader)
      await writeDraft(store, current, { format }, options)
    })
}

function checkFormat(format: number, current: number): void {
  if (!Number.isSafeInteger(format) || format < 1 || format > newestFormat)
    throw new PlatteError('usage', `this version of Platte knows format 1 to format ${newestFormat}`)
  if (format < current)
    throw new PlatteError('refused', `this store is at format ${current}, and a store never goes back`, {
      hint: 'readers may rely on the newer format already; start a new store for older readers',
    })
}

const beforehand = (format: number, maxValidity: string): readonly string[] => [
  `Only Platte ${firstReaderOf(format)} and later read a store at format ${format}.`,
  'Upgrade these first: servers, Workers, Lambda functions, sidecars, mirrors and their readers, pipelines that publish, and places that import bundles.',
  `A reader that is too old refuses the new root. It answers from its last catalog until that expires (at most ${durationText(maxValidity)}), then it offers nothing.`,
  'A store never goes back to an earlier format.',
]

/** @throws PlatteError('refused') unless every reader is known to read the format. */
function confirm(format: number, oldest: string | undefined): void {
  const first = firstReaderOf(format)
  if (oldest === undefined)
    throw new PlatteError('refused', 'not confirmed, so no draft was written', {
      hint: `once everything is upgraded, run it again with --oldest-reader VERSION (${first} or later)`,
    })
  const version = parseVersion(oldest)
  if (version === undefined)
    throw new PlatteError('usage', `--oldest-reader must be a version such as ${first}, not ${JSON.stringify(oldest)}`)
  if (compareVersions(version, parseVersion(first)) < 0)
    throw new PlatteError('refused', `Platte ${oldest} does not read format ${format}, so no draft was written`, {
      hint: `upgrade that reader to ${first} or later first`,
    })
}
