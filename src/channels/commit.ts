/** Where another writer wins a race, the same edit is planned again on the newest state. */
import { withBrakes, withCatalog } from '../catalog/catalog-log.ts'
import { commitNext, type Issue, type Seal } from '../catalog/commit-channel.ts'
import { checkKeys, editCatalog, pointCatalogAt } from '../catalog/edit-catalog.ts'
import { channelEntry, type StoreReader, signersOf } from '../catalog/read.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import type { BrakeEdit, Committer, Edit, EditResult, ManifestEdit, Plan } from './plan.ts'
import { loadState, plan } from './plan.ts'

/** How one change is dated and signed; by default now, by the release keys at hand. */
export type Signing = Partial<Issue> & { readonly seal?: Seal | undefined }

/** @throws PlatteError('refused', 'usage') as `plan`; 'missing' for a package that the manifest needs. */
export async function planChange(writer: Committer, edit: Edit, signing: Signing = {}): Promise<Plan> {
  const planned = await draftChange(writer, edit, signing)
  await requirePackages(writer, planned.packages)
  return planned
}

/** A plan whose packages may be missing: only who writes the store can tell. */
export const draftChange = async (reader: StoreReader, edit: Edit, signing?: Signing): Promise<Plan> =>
  plan(edit, await loadState(reader, edit), issueOf(reader, signing))

function issueOf({ clock, operator }: StoreReader, { seal: _, at = clock(), ...signing }: Signing = {}): Issue {
  return { at, ...(operator !== undefined && { provenance: { operator } }), ...defined(signing) }
}

export async function preview(writer: Committer, planned: Plan): Promise<EditResult> {
  const { edit, seq, changes } = planned
  const more = 'preview' in edit ? await edit.preview?.(writer, planned) : {}
  const signs = planned.manifest ? 'manifest' : planned.entry ? 'catalog' : 'nothing'
  const { payloadKeys } = planned.manifest ?? {}
  const keys = payloadKeys && { payloadKeys }
  return { kind: 'dry-run', seq, inForce: false, signs, changes, ...keys, ...said(planned), ...more }
}

const said = ({ warnings, effects, reach }: Plan): Pick<EditResult, 'warnings' | 'effects' | 'reach'> => ({
  ...(warnings.length > 0 && { warnings }),
  ...defined({ effects, reach }),
})

export const change = async (writer: Committer, edit: Edit, signing: Signing = {}): Promise<EditResult> =>
  commit(writer, await planChange(writer, edit, signing), signing.seal)

/**
 * Carries out a plan. Safe to repeat.
 * @param seal signs manifests in place of the release keys at hand.
 * @throws PlatteError('credentials') without the keys; 'conflict' where every race was lost, or where a concurrent
 *   change contradicts this one; 'missing' where packages were removed meanwhile.
 */
export async function commit(writer: Committer, planned: Plan, seal?: Seal): Promise<EditResult> {
  const { edit } = planned
  const result = await ('brake' in edit
    ? commitBrakes(writer, { ...planned, edit })
    : commitManifest(writer, { ...planned, edit }, seal))
  if (edit.isRechecked) await recheck(writer, edit)
  return result
}

type PlanOf<E extends Edit> = Plan & { readonly edit: E }

async function commitManifest(writer: Committer, planned: PlanOf<ManifestEdit>, seal?: Seal): Promise<EditResult> {
  let latest: Plan | undefined
  const { edit } = planned
  if (planned.manifest) checkKeys(writer, planned.state.catalog, seal)
  if (planned.manifest && edit.needsTimestamp) signersOf(writer.timestamp, 'timestamp', planned.state.catalog.root)
  await createAll(writer, edit.notes ?? new Map())
  const propose = async () => {
    latest = latest ? plan(edit, await loadState(writer, edit), planned.issue) : planned
    const { state, manifest } = latest
    if (manifest !== undefined) {
      await createAll(writer, latest.documents ?? new Map())
      return { state: state.catalog, manifest }
    }
    if (state.head === undefined) throw new Error('a new channel has a manifest')
    return { head: state.head }
  }
  const { head, changed } = await commitNext(writer, edit.ref, propose, seal)
  const { changes, packages } = latest ?? planned
  // Another channel that had them may have been pruned meanwhile.
  await requirePackages(writer, packages)
  const inForce = await pointCatalogAt(writer, edit.ref, head, (catalog, state) =>
    edit.together ? edit.together(writer, withCatalog(state, catalog), latest ?? planned) : catalog,
  )
  const { manifest, sha256 } = head
  const kind = changed ? 'changed' : 'unchanged'
  const result = { kind, seq: manifest.seq, inForce, sha256, changes, ...said(latest ?? planned) } as const
  return (await edit.finish?.(writer, result, latest ?? planned)) ?? result
}

/** Writes at once. */
const writesAtOnce = 8

/** Documents under their digests come before the manifest that names them. */
export async function createAll({ documents }: Committer, all: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const left = all.entries()
  const work = async (): Promise<void> => {
    for (const [key, bytes] of left)
      if ((await documents.create(key, bytes)) === 'taken')
        throw new PlatteError('mismatch', `${key} in the store does not match the SHA-256 in its name`, {
          hint: 'something else wrote to this store: remove that object, and run `platte verify`',
        })
  }
  await Promise.all(Array.from({ length: writesAtOnce }, work))
}

async function commitBrakes(writer: Committer, planned: PlanOf<BrakeEdit>): Promise<EditResult> {
  const { edit } = planned
  let latest: Plan = planned
  if (planned.entry) signersOf(writer.timestamp, 'timestamp', planned.state.catalog.root)
  const { catalog, written } = await editCatalog(writer, async (current, state) => {
    latest = plan(edit, await loadState(writer, edit, state), planned.issue)
    return latest.entry ? withBrakes(writer, state, edit.ref, latest.entry, latest.issue) : current
  })
  const { seq, changes } = latest
  const sha256 = channelEntry(catalog, edit.ref.app, edit.ref.channel)?.sha256 ?? ''
  return { kind: written ? 'changed' : 'unchanged', seq, inForce: true, sha256, changes, ...said(latest) }
}

/** Of two contradicting edits at the same time, at least one is refused. @throws PlatteError('conflict') */
async function recheck(writer: Committer, edit: Edit): Promise<void> {
  const state = await loadState(writer, edit)
  try {
    edit.check?.(state)
  } catch (error) {
    if (!(error instanceof PlatteError) || error.code !== 'refused') throw error
    throw new PlatteError('conflict', `${error.message}: concurrent change`, {
      hint: 'both changes are stored: check with `platte show`, and undo one of them',
    })
  }
}

export async function requirePackages({ packages }: Committer, keys: readonly string[]): Promise<void> {
  const hint = 'publish that release again: this restores it'
  for (const key of keys)
    if ((await packages.stat(key)) === undefined)
      throw new PlatteError('missing', `${key} is not in the store`, { hint })
}
