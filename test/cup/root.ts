import { editRoot, publishRoot, type RootEdit } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { isoText } from '../../src/kernel/format.ts'
import { seal } from '../../src/trust/envelope.ts'
import { bytesOf, now, type TestStore } from '../world.ts'

/** Edits the root, signs it and publishes it. */
export async function nextRoot({ publisher, keys }: TestStore, edit: RootEdit) {
  const root = await editRoot(await loadRoot(publisher), edit, isoText(now))
  return publishRoot(publisher, await seal('platte-root+jws', bytesOf(root), keys.root))
}
