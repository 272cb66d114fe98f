/**
 * Breaks one promise after another (promises.ts) and runs the suite that must notice.
 * `npm run test:mutations -- WORD` takes the promises that contain WORD.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Kept, promises } from './promises.ts'

const repository = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'platte-mutations-'))

/** Why a promise is not guarded, or `undefined`. */
async function problemOf({ promise, suite }: Kept, report: string): Promise<string | undefined> {
  const config = ['--config', 'test/mutations/vitest.config.ts']
  const reporter = ['--reporter=json', `--outputFile=${report}`]
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...config, ...reporter, `test/${suite}.test.ts`]
  const child = spawn(process.execPath, args, {
    cwd: repository,
    env: { ...process.env, PLATTE_BROKEN: promise },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const errors = await text(child.stderr)
  const { numPassedTests: passed, numFailedTests: failed } = readReport(report)
  if (passed === 0) return `${suite} did not run: ${/^\w*Error: .*$/m.exec(errors)?.[0] ?? errors.trim()}`
  return failed === 0 ? `${suite} passes without it` : undefined
}

function readReport(file: string): { readonly numPassedTests: number; readonly numFailedTests: number } {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return { numPassedTests: 0, numFailedTests: 0 }
  }
}

const [word = ''] = process.argv.slice(2)
const wanted = promises.filter(({ promise, name }) => `${promise} ${name}`.includes(word))
const queue = [...wanted.entries()]
let guarded = 0

async function work(): Promise<void> {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [index, kept] = next
    const problem = await problemOf(kept, join(folder, `${index}.json`))
    if (problem === undefined) guarded += 1
    process.stdout.write(problem === undefined ? `ok   ${kept.promise}\n` : `FAIL ${kept.promise}: ${problem}\n`)
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work))
rmSync(folder, { recursive: true, force: true })
process.stdout.write(`${guarded} of ${wanted.length} broken promises were noticed\n`)
if (guarded < wanted.length || wanted.length === 0) process.exitCode = 1
