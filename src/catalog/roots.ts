/** Creates, edits, signs and publishes the root: the list of keys that everything else depends on. */

import { maxCatalogBytes } from '../documents/catalog.ts'
import { catalogKey, rootKey } from '../documents/paths.ts'
import { checkRoot, maxRootBytes, type PublicKey, type RoleName, type Root, roleNames } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import { sameJson } from '../release/add-release.ts'
import { sha256Hex } from '../trust/digest.ts'
import { addSignature, seal } from '../trust/envelope.ts'
import { keyIdOf } from '../trust/keys.ts'
import type { Signer } from '../trust/signer.ts'
import { checkRootFresh, formatPin, type TrustedRoot, verifyNextRoot, verifyPinnedRoot } from '../trust/verify-root.ts'
import { storeFailures } from './channels.ts'
import { loadHead } from './commit-channel.ts'
import { sealCatalog } from './edit-catalog.ts'
import { loadRoot } from './read.ts'
import { allChannelRefs } from './refresh.ts'
import { encode, loadForWriting, type StoreWriter } from './write.ts'

export interface RootEdit {
  readonly add?: { readonly role: RoleName; readonly key: PublicKey }
  readonly remove?: { readonly role: RoleName; readonly keyId: string }
  readonly thresholds?: Readonly<Partial<Record<RoleName, number>>>
  /** RFC 3339; `never` takes the date away. */
  readonly expires?: string
  /** ISO 8601 duration of the catalog's longest validity. */
  readonly maxValidity?: string
  /** Never a lower one. */
  readonly format?: number
}

/** The first root: every role with all of its keys and a threshold of 1. */
export async function firstRoot(
  keys: Readonly<Record<RoleName, readonly [PublicKey, ...PublicKey[]]>>,
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
export async function initStore(
  writer: Omit<StoreWriter, 'pin'>,
  root: Root,
  signers: readonly Signer[],
): Promise<{ readonly pin: string; readonly created: boolean }> {
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
  const added = edit.add && { role: edit.add.role, keyId: await keyIdOf(edit.add.key) }
  const roleOf = (name: RoleName) => {
    const kept = root.roles[name].keyIds.filter((id) => !(edit.remove?.role === name && edit.remove.keyId === id))
    const fresh = added?.role === name && !kept.includes(added.keyId) ? [added.keyId] : []
    return { threshold: edit.thresholds?.[name] ?? root.roles[name].threshold, keyIds: [...kept, ...fresh] }
  }
  if (edit.remove && !root.roles[edit.remove.role].keyIds.includes(edit.remove.keyId))
    throw new PlatteError('refused', `${edit.remove.role} has no key ${edit.remove.keyId}`, {
      hint: '`platte root show` lists them',
    })
  const roles = { root: roleOf('root'), release: roleOf('release'), timestamp: roleOf('timestamp') }
  for (const name of roleNames)
    if (roles[name].threshold > roles[name].keyIds.length)
      throw new PlatteError(
        'refused',
        `${name} would need ${roles[name].threshold} of ${roles[name].keyIds.length} keys`,
      )
  const { maxValidity = root.roles.timestamp.maxValidity, expires = root.expires } = edit
  const named = new Set(roleNames.flatMap((name) => roles[name].keyIds))
  return checkRoot({
    format: edit.format ?? root.format,
    type: 'root',
    version: root.version + 1,
    issuedAt,
    ...(expires && expires !== 'never' && { expires }),
    keys: await usedKeys(edit.add ? [...root.keys, edit.add.key] : root.keys, named),
    roles: { ...roles, timestamp: { ...roles.timestamp, maxValidity } },
  })
}

async function usedKeys(keys: readonly PublicKey[], named?: ReadonlySet<string>): Promise<PublicKey[]> {
  const byId = new Map(await Promise.all(keys.map(async (key) => [await keyIdOf(key), key] as const)))
  return [...byId].filter(([id]) => named?.has(id) ?? true).map(([, key]) => key)
}

/** Takes JSON, or adds a signature to a root that others have signed. */
export async function signRoot(draft: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const value = parseDraft(draft)
  if (typeof value === 'object' && value !== null && 'signatures' in value)
    return addSignature(draft, 'platte-root+jws', signer)
  return seal('platte-root+jws', encode(checkRoot(value)), [signer])
}

function parseDraft(draft: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(draft))
  } catch (cause) {
    throw new PlatteError('bad-document', 'the draft of the root is not JSON in UTF-8', { cause })
  }
}

/** Readers use the root once the catalog names it. */
export async function publishRoot(writer: StoreWriter, bytes: Uint8Array): Promise<TrustedRoot> {
  const current = await loadRoot(writer)
  const stored = await writer.documents.get(rootKey(current.root.version), maxRootBytes)
  if (stored && (await sha256Hex(bytes)) === (await sha256Hex(stored.bytes))) return current
  const next = await verifyNextRoot(bytes, current)
  checkRootFresh(next, writer.clock())
  await checkChannelsUnder(writer, next)
  if ((await writer.documents.create(rootKey(next.root.version), bytes)) === 'taken')
    throw new PlatteError('conflict', `concurrent change: another root ${next.root.version} was published`, {
      hint: 'edit and sign the newest root again',
    })
  return next
}

/** A channel that cannot be used under today's root either does not stop the next one. */
async function checkChannelsUnder(writer: StoreWriter, root: TrustedRoot): Promise<void> {
  const state = await loadForWriting(writer)
  for (const ref of await allChannelRefs(writer, state.catalog.catalog))
    await loadHead(writer, { ...state, root }, ref).catch(async (cause: unknown) => {
      if (!(cause instanceof PlatteError) || storeFailures.includes(cause.code)) throw cause
      const today = await loadHead(writer, state, ref).catch(() => undefined)
      if (today === undefined) return
      const { version } = root.root
      throw new PlatteError('refused', `${ref.app}/${ref.channel} would not verify under root ${version}`, {
        hint: 'issue the channels anew with enough keys (`platte root reissue`), and let the catalog name them (`platte refresh`)',
        cause,
      })
    })
}
