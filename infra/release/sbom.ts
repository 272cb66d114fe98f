/**
 * Prints the SBOM (CycloneDX) of what bundles contain. `npm sbom --omit dev` of the clone leaves out what a tool needs,
 * too, so npm gets a copy of the lock file without tools.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'platte-sbom-'))
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
const { devDependencies: _, ...manifest } = lock.packages['']
const bundled = Object.entries<{ dev?: true; optional?: true }>(lock.packages).filter(
  ([, one]) => !one.dev && !one.optional,
)
try {
  const packages = { ...Object.fromEntries(bundled), '': manifest }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, packages }))
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only']
  process.stdout.write(execFileSync('npm', args, { cwd: folder }))
} finally {
  rmSync(folder, { recursive: true })
}
