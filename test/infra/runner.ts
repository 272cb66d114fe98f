/** Runs a composite action as a runner of GitHub does: inputs by their defaults, steps one after another, files for outputs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'

/** Where an action runs. */
export interface Job {
  /** The folder of action.yml. */
  readonly action: string
  /** The checkout of the job: where its steps begin. */
  readonly work: string
  readonly path: string
  readonly env: Readonly<Record<string, string>>
}

export interface Ran {
  /** Of the first step that failed, or 0. */
  readonly status: number
  readonly log: string
  readonly summary: string
  readonly outputs: Readonly<Record<string, string>>
}

interface Step {
  readonly id?: string
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly shell?: string
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>
  readonly outputs: Readonly<Record<string, { readonly value: string }>>
  readonly runs: { readonly using: string; readonly steps: readonly Step[] }
}

const read = ({ action }: Pick<Job, 'action'>): Action => parse(readFileSync(join(action, 'action.yml'), 'utf8'))

export const actionSteps = (job: Pick<Job, 'action'>): readonly Step[] => read(job).runs.steps

/** Replaces `${{ … }}` by what `known` has; what it does not know is a mistake in the action. */
const interpolate = (text: string, known: Readonly<Record<string, string>>): string =>
  text.replace(/\$\{\{ *([\w.-]+) *\}\}/g, (_, name: string) => {
    const value = known[name]
    if (value === undefined) throw new Error(`nothing is called ${name}`)
    return value
  })

/** @throws Error for an input that the action does not have, or that it requires. */
export async function runAction(job: Job, given: Readonly<Record<string, string>>): Promise<Ran> {
  const { inputs, outputs, runs } = read(job)
  const stray = Object.keys(given).find((name) => inputs[name] === undefined)
  if (stray) throw new Error(`action.yml has no input ${stray}`)
  const known: Record<string, string> = {}
  for (const [name, { default: otherwise, required }] of Object.entries(inputs)) {
    if (required && given[name] === undefined) throw new Error(`${name} is required`)
    known[`inputs.${name}`] = given[name] ?? otherwise ?? ''
  }
  const logs: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'platte-runner-'))
  const summaryFile = join(folder, 'summary')
  writeFileSync(summaryFile, '')
  let status = 0
  for (const step of runs.steps) {
    if (step.run === undefined) continue
    const ran = await runStep(job, step, { folder, summaryFile, known })
    logs.push(ran.log)
    Object.assign(known, ran.outputs)
    status = ran.status
    if (status !== 0) break
  }
  const told = Object.entries(outputs).map(([name, { value }]) => [name, value] as const)
  return {
    ...{ status, log: logs.join(''), summary: readFileSync(summaryFile, 'utf8') },
    outputs: status === 0 ? Object.fromEntries(told.map(([name, value]) => [name, interpolate(value, known)])) : {},
  }
}

interface Around {
  readonly folder: string
  readonly summaryFile: string
  readonly known: Readonly<Record<string, string>>
}

/** Runs a script of bash to its end; the servers that it asks are in this process. */
export async function runBash(
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  const child = spawn('bash', args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: 240_000 })
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { status: status ?? 1, stdout, stderr }
}

async function runStep({ action, work, path, env }: Job, step: Step, { folder, summaryFile, known }: Around) {
  if (step.shell !== 'bash') throw new Error('a step of a composite action says its shell')
  const script = join(folder, 'step.sh')
  const outputFile = join(folder, 'output')
  writeFileSync(script, interpolate(step.run ?? '', known))
  writeFileSync(outputFile, '')
  const own = Object.entries(step.env ?? {}).map(([name, value]) => [name, interpolate(value, known)])
  const { status, stdout, stderr } = await runBash(['--noprofile', '--norc', '-e', '-o', 'pipefail', script], {
    cwd: work,
    env: {
      ...{ PATH: path, HOME: folder, ...env, GITHUB_ACTIONS: 'true', GITHUB_ACTION_PATH: action },
      ...{ GITHUB_OUTPUT: outputFile, GITHUB_STEP_SUMMARY: summaryFile, ...Object.fromEntries(own) },
    },
  })
  const lines = readFileSync(outputFile, 'utf8').split('\n')
  const outputs = lines
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', ...value] = line.split('=')
      return [`steps.${step.id}.outputs.${name}`, value.join('=')]
    })
  return { status, log: `${stdout}${stderr}`, outputs: Object.fromEntries(outputs) }
}
