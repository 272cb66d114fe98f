/** Creates, edits, signs and publishes the root, the list of keys that everything else depends on; replaces keys. */
import { maxCatalogBytes } from '../documents/catalog.ts'
import { catalogKey, rootKey } from '../documents/paths.ts'
import {
  type CupKey,
  checkRoot,
  maxRootBytes,
  type PublicKey,
  type RoleName,
  type Root,
  requireFormat,
  roleNames,
} from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sameJson } from '../release/add-release.ts'
import { sha256Hex } from '../trust/digest.ts'
import { addSignature, isSamePayload, seal } from '../trust/envelope.ts'
import { keyIdOf, type Signer } from '../trust/keys.ts'
import { verifyCatalog } from '../trust/verify-documents.ts'
import { checkRootFresh, formatPin, type TrustedRoot, verifyNextRoot, verifyPinnedRoot } from '../trust/verify-root.ts'
import { storeFailures } from './channels.ts'
import { loadHead } from './commit-channel.ts'
import { allChannelRefs, sealCatalog } from './edit-catalog.ts'
import { channelEntry, encode, foundCatalog, loadChannel, loadForWriting, type StoreWriter } from './read.ts'
import { loadRoot } from './walk-roots.ts'

/** `expires` is RFC 3339, or `never`; `maxValidity` an ISO 8601 duration for catalogs; `format` is never a lower one. */
export interface RootEdit {
  readonly add?: Readonly<{ role: RoleName; key: PublicKey }>
  readonly remove?: Readonly<{ role: RoleName; keyId: string }>
  readonly thresholds?: Readonly<Partial<Record<RoleName, number>>>
  readonly expires?: string | undefined
  readonly maxValidity?: string | undefined
  readonly format?: number
  readonly cup?: CupEdit
}

/** A key id names one key for good: clients are built with it. */
export interface CupEdit {
  readonly add?: readonly CupKey[]
  /** Key ids. */
  readonly remove?: readonly string[]
}

/** The first root: every role with all of its keys and a threshold of 1. */
export async function firstRoot(
  keys: Readonly<Record<RoleName, readonly PublicKey[]>>,
  { issuedAt, maxValidity }: { issuedAt: string; maxValidity: string },
): Promise<Root> {
  const role = async (name: RoleName) => ({ threshold: 1, keyIds: await Promise.all(keys[name].map(keyIdOf)) })
  return checkRoot({
    format: 1,
    type: 'root',
    version: 1,
    issuedAt,
    keys: await usedKeys(roleNames.flatMap((name) => keys[name])),
    roles: {
      root: await role('root'),
      release: await role('release'),
      timestamp: { ...(await role('timestamp')), maxValidity },
    },
  })
}

/** Safe to repeat. @throws PlatteError('refused') where the store has a root of other keys. */
export async function initStore(writer: Omit<StoreWriter, 'pin'>, root: Root, signers: readonly Signer[]) {
  const stored = await writer.documents.get(rootKey(1), maxRootBytes)
  const bytes = stored?.bytes ?? (await seal('platte-root+jws', encode(root), signers))
  const pin = { version: 1, sha256: await sha256Hex(bytes) }
  const first = await verifyPinnedRoot(bytes, pin)
  const trusted = stored ? await loadRoot({ ...writer, pin }) : first
  if (!sameRoles(trusted.root, root))
    throw new PlatteError('refused', 'this store has a root already, made with other keys', {
      hint: 'use another store, or the keys that made this one',
    })
  if (stored === undefined && (await writer.documents.create(rootKey(1), bytes)) === 'taken')
    throw new PlatteError('conflict', 'concurrent change: another root was created in this store', {
      hint: 'run `platte init` again',
    })
  if (await writer.documents.get(catalogKey, maxCatalogBytes)) return { pin: formatPin(pin), created: false }
  const catalog = await sealCatalog({ ...writer, pin }, trusted, { apps: {} }, writer.clock())
  await writer.documents.create(catalogKey, catalog.bytes)
  return { pin: formatPin(pin), created: true }
}

const sameRoles = (a: Root, b: Root): boolean =>
  roleNames.every((name) => sameJson(a.roles[name].keyIds.toSorted(), b.roles[name].keyIds.toSorted()))

/** The next root. Keys that no role names any more are left out. */
export async function editRoot({ root }: TrustedRoot, edit: RootEdit, issuedAt: string): Promise<Root> {
  const { add, remove, thresholds, expires = root.expires, maxValidity = root.roles.timestamp.maxValidity } = edit
  const added = add && { role: add.role, keyId: await keyIdOf(add.key) }
  if (remove && !root.roles[remove.role].keyIds.includes(remove.keyId))
    throw new PlatteError('refused', `${remove.role} has no key ${remove.keyId}`, {
      hint: '`platte root show` lists them',
    })
  const roleOf = (name: RoleName) => {
    const kept = root.roles[name].keyIds.filter((id) => !(remove?.role === name && remove.keyId === id))
    const keyIds = [...new Set(added?.role === name ? [...kept, added.keyId] : kept)]
    const threshold = thresholds?.[name] ?? root.roles[name].threshold
    if (threshold <= keyIds.length) return { threshold, keyIds }
    throw new PlatteError('refused', `${name} would need ${threshold} of ${keyIds.length} keys`)
  }
  const cup = editCupKeys(root.roles.cup?.keys ?? [], edit.cup)
  if (cup.length > 0) requireFormat({ format: edit.format ?? root.format }, 2, 'a CUP key')
  const roles = {
    root: roleOf('root'),
    release: roleOf('release'),
    timestamp: { ...roleOf('timestamp'), maxValidity },
    ...(cup.length > 0 && { cup: { keys: cup } }),
  }
  const named = new Set(roleNames.flatMap((name) => roles[name].keyIds))
  return checkRoot({
    format: edit.format ?? root.format,
    type: 'root',
    version: root.version + 1,
    issuedAt,
    ...(expires && expires !== 'never' && { expires }),
    keys: await usedKeys(add ? [...root.keys, add.key] : root.keys, named),
    roles,
  })
}

/** @throws PlatteError('refused') for an id that another key has, or that no key has. */
function editCupKeys(listed: readonly CupKey[], { add = [], remove = [] }: CupEdit = {}): CupKey[] {
  const taken = add.find((key) => listed.some((one) => one.kid === key.kid && !sameJson(one, key)))
  if (taken)
    throw new PlatteError('refused', `CUP key id ${taken.kid} is of another key in this root`, {
      hint: 'give the new key the next number: clients that were built with the old one keep asking for it',
    })
  const unknown = remove.find((id) => !listed.some(({ kid }) => kid === id))
  if (unknown !== undefined)
    throw new PlatteError('refused', `the root has no CUP key ${unknown}`, { hint: '`platte root show` lists them' })
  const fresh = add.filter(({ kid }) => !listed.some((one) => one.kid === kid))
  return [...listed, ...fresh].filter(({ kid }) => !remove.includes(kid))
}

async function usedKeys(keys: readonly PublicKey[], named?: ReadonlySet<string>): Promise<PublicKey[]> {
  const byId = new Map(await Promise.all(keys.map(async (key) => [await keyIdOf(key), key] as const)))
  return [...byId].filter(([id]) => named?.has(id) ?? true).map(([, key]) => key)
}

/** Takes JSON, or adds a signature to a root that others have signed. */
export async function signRoot(draft: Uint8Array, signer: Signer): Promise<Uint8Array> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(draft))
  } catch (cause) {
    throw new PlatteError('bad-document', 'the draft of the root is not JSON in UTF-8', { cause })
  }
  if (typeof value === 'object' && value !== null && 'signatures' in value)
    return addSignature(draft, 'platte-root+jws', signer)
  return seal('platte-root+jws', encode(checkRoot(value)), [signer])
}

/**
 * Readers use the root from now on, so what the catalog offers must verify under it, and the catalog itself.
 * @throws PlatteError('refused') otherwise, saying what to do first.
 */
export async function publishRoot(writer: StoreWriter, bytes: Uint8Array): Promise<TrustedRoot> {
  const current = await loadRoot(writer)
  const stored = await writer.documents.get(rootKey(current.root.version), maxRootBytes)
  if (stored && isSamePayload(bytes, stored.bytes, 'platte-root+jws')) return current
  const next = await verifyNextRoot(bytes, current)
  checkRootFresh(next, writer.clock())
  await checkChannelsUnder(writer, next)
  await checkCatalogUnder(writer, next)
  if ((await writer.documents.create(rootKey(next.root.version), bytes)) === 'taken')
    throw new PlatteError('conflict', `concurrent change: another root ${next.root.version} was published`, {
      hint: 'edit and sign the newest root again',
    })
  return next
}

async function checkCatalogUnder({ documents, clock }: StoreWriter, root: TrustedRoot): Promise<void> {
  const { bytes } = foundCatalog(await documents.get(catalogKey, maxCatalogBytes))
  await verifyCatalog(bytes, root, { now: clock(), anyTime: true }).catch((cause: unknown) => {
    const { version } = root.root
    throw new PlatteError('refused', `the catalog would not verify under root ${version}`, {
      hint: 'publish a root with the new timestamp key beside the old one, sign the catalog with both (`platte refresh --force`), then publish the root without the old key; `platte root rotate` does all three',
      cause,
    })
  })
}

/** Ignores channels that are unusable under the current root, too: they do not block the next root. */
async function checkChannelsUnder(writer: StoreWriter, root: TrustedRoot): Promise<void> {
  const state = await loadForWriting(writer)
  const { catalog } = state.catalog
  for (const ref of await allChannelRefs(writer, catalog)) {
    const entry = channelEntry(catalog, ref.app, ref.channel)
    // Machines get what the catalog names; publishers go on from the newest.
    const readings = [
      (under: TrustedRoot) => loadHead(writer, { ...state, root: under }, ref),
      async (under: TrustedRoot) => entry && loadChannel(writer, { ...state, root: under }, { ...ref, entry }),
    ]
    for (const read of readings)
      await read(root).catch(async (cause: unknown) => {
        if (!(cause instanceof PlatteError) || storeFailures.includes(cause.code)) throw cause
        if ((await read(state.root).catch(() => undefined)) === undefined) return
        const { version } = root.root
        throw new PlatteError('refused', `${ref.app}/${ref.channel} would not verify under root ${version}`, {
          hint: 'sign the channels again with enough keys (`platte root reissue`), then run `platte refresh`',
          cause,
        })
      })
  }
}
