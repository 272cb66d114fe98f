/**
 * Prints the SBOM (CycloneDX) of what bundles contain. `npm sbom --omit dev` of the clone leaves out what a tool needs,
 * too, so npm gets a copy of the lock file without tools.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readLock } from './bundled.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'platte-sbom-'))
const { lock, bundled } = readLock(root)
const { devDependencies: _, ...manifest } = lock.packages['']
try {
  const packages = { ...Object.fromEntries(bundled), '': manifest }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, packages }))
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only']
  process.stdout.write(execFileSync('npm', args, { cwd: folder }))
} finally {
  rmSync(folder, { recursive: true })
}
