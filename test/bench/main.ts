/**
 * `npm run bench`: how fast Platte is, as ratios to something simple that runs beside it.
 * `--quick` leaves out the long rows and shortens the others. `--json` prints data. `--only NAME` chooses rows by how
 * their names start, such as `check Deno` or `start`. `--seconds N` sets the length of each load loop, `--machines N` the
 * size of the fleet.
 */
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'
import { parseArgs } from 'node:util'
import { removeMade } from './made-once.ts'
import type { Result } from './row.ts'
import { rows } from './rows.ts'

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean' },
    machines: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean' },
    seconds: { type: 'string' },
  },
})
const seconds = Number(flags.seconds ?? (flags.quick ? 1.5 : 3))
const named = rows.filter(({ name }) => name.startsWith(flags.only ?? ''))
if (named.length === 0 || !(seconds >= 1 && seconds <= 600)) {
  process.stderr.write(`error: --only takes one of ${rows.map(({ name }) => name).join(', ')}; --seconds 1 to 600\n`)
  process.exit(2)
}

const machines = flags.machines === undefined ? undefined : Number(flags.machines)
if (machines !== undefined && !(machines >= 1_000 && machines <= 1_500_000)) {
  process.stderr.write('error: --machines takes a number from 1,000 to 1,500,000\n')
  process.exit(2)
}

process.once('exit', removeMade)
const chosen = named.filter(({ isLong }) => !(isLong && flags.quick))
const about = {
  command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
  machine: machineText(),
  leftOut: named.filter((row) => !chosen.includes(row)).map(({ name }) => name),
}
if (!flags.json) process.stdout.write(headOf(about))

const results: Result[] = []
const taken: { readonly name: string; readonly ms: number }[] = []
for (const { name, run } of chosen) {
  const began = performance.now()
  const found = await run({ seconds, pairs: flags.quick ? 1 : 3, machines })
  taken.push({ name, ms: performance.now() - began })
  results.push(...found)
  if (!flags.json) process.stdout.write(found.map(lineOf).join(''))
}
process.stderr.write(timesOf(taken))
if (flags.json)
  process.stdout.write(`${JSON.stringify({ ...about, results: results.map(({ goal: _, ...result }) => result) })}\n`)

function machineText(): string {
  const [first, ...others] = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const load = `load ${(loadavg()[0] ?? 0).toFixed(1)}`
  return `${others.length + 1} × ${first?.model.trim() || arch()}, ${memory}, ${type()} ${release()}, Node ${process.version}, ${load}`
}

function headOf({ command, machine, leftOut }: typeof about): string {
  const missing = leftOut.length === 0 ? '' : `Left out: ${leftOut.join(', ')}.\n`
  return `${command}\n${machine}\n${missing}[low, high]: bootstrap interval of the median, 95 %.\n\n`
}

/** How long rows took, the longest first. */
function timesOf(rows: typeof taken): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  const all = rows.reduce((sum, { ms }) => sum + ms, 0)
  const lines = rows.toSorted((a, b) => b.ms - a.ms).map(({ name, ms }) => `${seconds(ms).padStart(9)}  ${name}\n`)
  return `\nTime of each row, ${seconds(all)} in all:\n${lines.join('')}`
}

function lineOf({ name, value, unit, ratio, low, high, against, goal }: Result): string {
  const measured = `${round(value)} ${unit}`
  const interval = low === undefined || high === undefined ? '' : ` [${low.toFixed(2)}, ${high.toFixed(2)}]`
  const compared = ratio === undefined ? '' : `${ratio.toFixed(2)}${interval} of ${against}`
  const verdict = goal === undefined ? '' : `${goal.text} ${goal.met ? 'ok' : 'MISSED'}`
  return `${`${name.padEnd(36)} ${measured.padStart(16)}  ${compared.padEnd(52)} ${verdict}`.trimEnd()}\n`
}

function round(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3)
}
