/** Records `recorded/` with the earlier command line: `node test/formats/record.ts`. The same keys, clock and story make the same bytes. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildEarlier, platteIn } from './platte.ts'
import { tellStory } from './story.ts'

const folder = mkdtempSync(join(tmpdir(), 'platte-record-'))
const recorded = join(import.meta.dirname, 'recorded')
try {
  const platte = platteIn(folder, buildEarlier(folder))
  tellStory(platte)
  rmSync(recorded, { recursive: true, force: true })
  // What only helps writers that race.
  for (const name of ['.next', '.tmp']) rmSync(join(folder, 'store', name), { recursive: true, force: true })
  cpSync(join(folder, 'store'), join(recorded, 'store'), { recursive: true })
  cpSync(join(folder, 'overlay.json'), join(recorded, 'overlay.json'))
  process.stdout.write(`${platte.env.PLATTE_ROOT}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
