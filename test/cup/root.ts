import { editRoot, publishRoot, type RootEdit } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import { isoText } from '../../src/kernel/format.ts'
import { seal } from '../../src/trust/envelope.ts'
import type { Signer } from '../../src/trust/keys.ts'
import { bytesOf } from '../world.ts'

interface Owned {
  readonly publisher: Publisher
  readonly keys: { readonly root: readonly Signer[] }
}

/** Edits the root, signs it and publishes it. */
export async function nextRoot({ publisher, keys }: Owned, edit: RootEdit) {
  const root = await editRoot(await loadRoot(publisher), edit, isoText(publisher.clock()))
  return publishRoot(publisher, await seal('platte-root+jws', bytesOf(root), keys.root))
}
