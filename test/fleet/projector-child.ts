/** Follows the events of a folder, and says so after the first file. Arguments: the folder, the projection, now. */
import { followStore } from '../../src/fleet/follow.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'

const [root = '', file = '', time = ''] = process.argv.slice(2)
const now = Number(time)
const projection = openProjection(file, { clock: () => now, keepMs: 30 * 86_400_000 })
const { endFile } = projection
const telling = {
  ...projection,
  endFile: (key: string): void => {
    endFile(key)
    projection.flush()
    process.stdout.write('.')
  },
}
await followStore(folderDocuments(root, { clock: () => now }), telling, { since: now - 86_400_000, until: now })
setInterval(() => {}, 1_000)
