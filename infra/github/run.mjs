/** Runs `platte` with the inputs of action.yml, and tells the job what it did: outputs, and a summary. */
import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { resolve } from 'node:path'

const cli = resolve(import.meta.dirname, '../../dist/cli/platte.mjs')
const maxOutputBytes = 16 * 1024 * 1024

/** An input, without blanks around it; one that was not given is empty. */
const input = (name) => (process.env[`INPUT_${name.toUpperCase().replaceAll('-', '_')}`] ?? '').trim()

/** Which inputs a command takes beside app, endpoint and dry-run, and as which flags. */
const release = { channel: '--channel', version: '' }
const held = { ...release, board: '--board' }
const commands = {
  publish: {
    ...{ channel: '--channel', version: '--version', board: '--board', payload: '', 'extra-files': '' },
    ...{ components: '--components', notes: '--notes', ramp: '--ramp-over', floors: floorsFlag },
  },
  promote: { channel: '--to', from: '--from', version: '', board: '--board', ramp: '--ramp-over', floors: floorsFlag },
  ramp: { ...release, ramp: rampFlag },
  hold: { ...held, reason: '--reason' },
  unhold: held,
  withdraw: { ...release, reason: '--reason' },
  rollback: { ...release, reason: '--reason' },
}
const optional = [
  'version',
  'board',
  'payload',
  'extra-files',
  'components',
  'notes',
  'ramp',
  'floors',
  'from',
  'reason',
]

/** A ramp by its own command: how long it rises, the share it stays at, or a word. */
function rampFlag(value) {
  if (value === 'none') throw new Error('ramp has no word none: finish offers the release to 100 % of machines')
  if (['finish', 'pause', 'resume'].includes(value)) return `--${value}`
  // The earlier name of pause.
  if (value === 'stop') return '--pause'
  return /^[\d.]+%?$/.test(value) ? `--share=${value}` : `--over=${value}`
}

/** Whether floors and dead ends before a release come along. */
function floorsFlag(value) {
  if (value !== 'with' && value !== 'skip') throw new Error('floors must be with or skip')
  return `--${value}-floors`
}

/** @throws Error naming the input that is wrong. */
function argumentsOf(command) {
  const takes = Object.hasOwn(commands, command) ? commands[command] : undefined
  if (takes === undefined) throw new Error(`command must be one of ${Object.keys(commands).join(', ')}`)
  const stray = optional.find((name) => input(name) !== '' && takes[name] === undefined)
  if (stray !== undefined) throw new Error(`${command} takes no ${stray}`)
  const dryRun = input('dry-run')
  if (!['true', 'false', ''].includes(dryRun)) throw new Error('dry-run must be true or false')
  const said = { app: '--app', endpoint: '--endpoint', ...takes }
  const flags = []
  const words = []
  for (const [name, flag] of Object.entries(said)) {
    const value = input(name)
    if (value === '') continue
    if (flag === '') words.push(...value.split('\n').map((line) => line.trim()))
    else flags.push(typeof flag === 'function' ? flag(value) : `${flag}=${value}`)
  }
  if (dryRun === 'true') flags.push('--dry-run')
  return [command, ...flags, '--json', '--', ...words.filter((word) => word !== '')]
}

/** Text of others in a cell of a table: nothing of it means anything to Markdown or HTML. */
const cell = (text) =>
  text.replace(/\s+/g, ' ').replace(/[^A-Za-z0-9 .:/%+=,-]/gu, (character) => `&#${character.codePointAt(0)};`)

/** The same as a block. */
const block = (text) => text.trimEnd().replace(/^/gm, '    ')

function summarise(command, outcome, { facts, problem }) {
  const asked = ['app', 'channel', 'from', 'version', 'board', 'ramp', 'reason'].map((name) => [name, input(name)])
  const rows = [...asked, ...facts].filter(([, value]) => value !== '')
  const lines = [
    `### platte ${cell(command)}: ${outcome}`,
    '',
    '| | |',
    '|---|---|',
    ...rows.map(([name, value]) => `| ${name} | ${cell(value)} |`),
    ...(problem === '' ? [] : ['', block(problem)]),
  ]
  appendFileSync(process.env.GITHUB_STEP_SUMMARY, `${lines.join('\n')}\n\n`)
}

const outcomes = { published: 'published', changed: 'changed', unchanged: 'nothing changed', 'dry-run': 'a dry run' }

function report(command, { kind, seq, manifest, sha256, rule }) {
  const isDone = kind !== 'dry-run'
  const outputs = {
    sequence: String(seq),
    'manifest-url': isDone ? String(manifest ?? '') : '',
    'manifest-sha256': String(sha256 ?? ''),
    changed: String(kind === 'published' || kind === 'changed'),
  }
  const lines = Object.entries(outputs).map(([name, value]) => `${name}=${value.replace(/\s/g, '')}\n`)
  appendFileSync(process.env.GITHUB_OUTPUT, lines.join(''))
  const facts = [...Object.entries(outputs).slice(0, 3), ['allowed by rule', String(rule ?? '')]]
  summarise(command, outcomes[kind] ?? cell(String(kind)), { facts, problem: '' })
}

function fail(command, exitCode, problem) {
  const why = exitCode === 3 ? 'refused' : 'failed'
  summarise(command, `${why}, exit code ${exitCode}`, { facts: [], problem })
  process.exitCode = exitCode
}

function main(command) {
  let args
  try {
    args = argumentsOf(command)
  } catch ({ message }) {
    process.stderr.write(`error: ${message}\n`)
    return fail(command, 2, `error: ${message}`)
  }
  const ran = spawnSync(process.execPath, [cli, ...args], {
    ...{ stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: maxOutputBytes },
    // What a workflow says was reviewed.
    env: { ...process.env, PLATTE_YES: '1' },
  })
  process.stderr.write(ran.stderr ?? '')
  process.stdout.write(ran.stdout ?? '')
  if (ran.status === 0) return report(command, JSON.parse(ran.stdout))
  fail(command, ran.status ?? 1, ran.stderr || `error: platte ended by ${ran.signal ?? ran.error?.message}`)
}

main(input('command'))
