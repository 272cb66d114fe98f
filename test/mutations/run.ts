/**
 * Breaks the sources one line at a time (test/mutations/table.ts) in a copy, and demands that the test named beside each
 * edit fails: a test that cannot fail is a defect. `npm run test:mutations -- WORD` runs the rows that contain WORD.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Mutation, mutations } from './table.ts'

const repository = resolve(import.meta.dirname, '../..')
const timeoutMs = 120_000
/** Tests of races catch a mutation most of the time: what survives is tried again, so often in all. */
const tries = 3

interface Outcome {
  readonly mutation: Mutation
  /** Why this row is not as it should be. */
  readonly problem?: string
}

function copyRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'platte-mutation-'))
  for (const name of ['src', 'test', 'infra', 'package.json', 'package-lock.json', 'tsconfig.json', 'wrangler.toml'])
    cpSync(join(repository, name), join(folder, name), { recursive: true })
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

async function tryMutation(folder: string, mutation: Mutation): Promise<Outcome> {
  const path = join(folder, mutation.file)
  const source = readFileSync(path, 'utf8')
  const parts = source.split(mutation.from)
  if (parts.length !== 2) return { mutation, problem: `its line is there ${parts.length - 1} times, not once` }
  writeFileSync(path, parts.join(mutation.to))
  try {
    let failed: readonly string[] = []
    for (let i = 0; i < tries; i++) {
      failed = await failingTests(folder, mutation.test)
      if (failed.some((name) => name.includes(mutation.fails))) return { mutation }
    }
    return { mutation, problem: `survived; failed were: ${failed.slice(0, 3).join('; ') || 'none'}` }
  } finally {
    writeFileSync(path, source)
  }
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** Full names of the tests of one file that fail. */
function failingTests(folder: string, test: string): Promise<readonly string[]> {
  const report = join(folder, 'report.json')
  rmSync(report, { force: true })
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', test]
  const child = spawn(process.execPath, [...args, '--reporter=json', `--outputFile=${report}`], {
    cwd: folder,
    stdio: 'ignore',
    timeout: timeoutMs,
  })
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('exit', () => {
      const { testResults } = readReport(report)
      const results = testResults.flatMap(({ assertionResults }) => assertionResults)
      done(results.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName))
    })
  })
}

function readReport(file: string): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return { testResults: [] }
  }
}

async function runAll(wanted: readonly Mutation[]): Promise<readonly Outcome[]> {
  const queue = [...wanted]
  const outcomes: Outcome[] = []
  const work = async (): Promise<void> => {
    const folder = copyRepository()
    try {
      for (let mutation = queue.shift(); mutation; mutation = queue.shift()) {
        const outcome = await tryMutation(folder, mutation)
        outcomes.push(outcome)
        process.stdout.write(
          `${outcome.problem ? 'FAIL' : 'ok  '} ${mutation.name}${outcome.problem ? `: ${outcome.problem}` : ''}\n`,
        )
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work))
  return outcomes
}

const [word = ''] = process.argv.slice(2)
const wanted = mutations.filter(({ name, file }) => `${name} ${file}`.includes(word))
const outcomes = await runAll(wanted)
const problems = outcomes.filter(({ problem }) => problem !== undefined)
process.stdout.write(`${outcomes.length - problems.length} of ${outcomes.length} mutations were caught\n`)
if (problems.length > 0 || outcomes.length === 0) process.exitCode = 1
