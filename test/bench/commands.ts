/** How long commands take that people wait for, against a Node that does nothing. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { builtCli } from './made-once.ts'
import { atMost, type Row } from './row.ts'
import { estimate, median } from './stats.ts'

const node = promisify(execFile)

export const commandRows: readonly Row[] = [
  commandRow('--version', ['--version'], 1.3),
  commandRow('show', ['show'], 3),
]

function commandRow(label: string, words: readonly string[], mostTimes: number): Row {
  const name = `command ${label}`
  return {
    name,
    run: async ({ pairs }) => {
      const dir = await mkdtemp(join(tmpdir(), 'platte-bench-'))
      try {
        const cli = await builtCli()
        const store = { ...process.env, PLATTE_STORE: `file:${join(dir, 'store')}` }
        const made = await node(process.execPath, [cli, 'init', '--keys', join(dir, 'keys'), '--json'], { env: store })
        const env = { ...store, PLATTE_ROOT: JSON.parse(made.stdout).pin }
        const taken: { readonly full: number; readonly bare: number }[] = []
        // The first pair brings files into memory, and does not count.
        for (let i = 0; i <= 3 * pairs; i++)
          taken.push({ full: await millisOf([cli, ...words], env), bare: await millisOf(['-e', '0'], env) })
        const counted = taken.slice(1)
        const { value: ratio, low, high } = estimate(counted.map(({ full, bare }) => full / bare))
        const value = median(counted.map(({ full }) => full))
        return [{ name, value, unit: 'ms', ratio, low, high, against: 'node -e 0', goal: atMost(ratio, mostTimes) }]
      } finally {
        await rm(dir, { recursive: true, force: true })
      }
    },
  }
}

async function millisOf(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const began = performance.now()
  await node(process.execPath, words, { env })
  return performance.now() - began
}
