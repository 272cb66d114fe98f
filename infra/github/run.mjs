/** Runs `platte` with the inputs of action.yml, and tells the job what it did: outputs, and a summary. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const cli = resolve(import.meta.dirname, '../../dist/cli/platte.mjs')
const maxOutputBytes = 16 * 1024 * 1024

/** An input, without blanks around it; one that was not given is empty. */
const input = (name) => (process.env[`INPUT_${name.toUpperCase().replaceAll('-', '_')}`] ?? '').trim()

/** Which inputs a command takes beside endpoint and dry-run, and as which flags. */
const release = { app: '--app', channel: '--channel', version: '' }
const held = { ...release, board: '--board' }
const commands = {
  publish: {
    ...{ app: '--app', channel: '--channel', version: '--version', board: '--board', payload: '', 'extra-files': '' },
    ...{ components: '--components', notes: '--notes', ramp: '--ramp-over', floors: floorsFlag },
  },
  promote: {
    ...{ app: '--app', channel: '--to', from: '--from', version: '', board: '--board' },
    ...{ ramp: '--ramp-over', floors: floorsFlag },
  },
  ramp: { ...release, ramp: rampFlag },
  hold: { ...held, reason: '--reason' },
  unhold: held,
  withdraw: { ...release, reason: '--reason' },
  rollback: { ...release, reason: '--reason' },
  apply: { file: '', prune: pruneFlag },
  diff: { file: '', prune: pruneFlag, root: '--root' },
}
const optional = [
  'app',
  'channel',
  'file',
  'prune',
  'root',
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

/** Whether what the file does not mention is removed. */
function pruneFlag(value) {
  if (value !== 'true' && value !== 'false') throw new Error('prune must be true or false')
  return value === 'true' ? '--prune' : ''
}

/** @throws Error naming the input that is wrong. */
function argumentsOf(command) {
  const takes = Object.hasOwn(commands, command) ? commands[command] : undefined
  if (takes === undefined) throw new Error(`command must be one of ${Object.keys(commands).join(', ')}`)
  const stray = optional.find((name) => input(name) !== '' && takes[name] === undefined)
  if (stray !== undefined) throw new Error(`${command} takes no ${stray}`)
  const dryRun = input('dry-run')
  if (!['true', 'false', ''].includes(dryRun)) throw new Error('dry-run must be true or false')
  const isDiff = command === 'diff'
  const said = { endpoint: isDiff ? '--store' : '--endpoint', ...takes }
  const flags = []
  const words = []
  for (const [name, flag] of Object.entries(said)) {
    const value = input(name)
    if (value === '') continue
    if (flag === '') words.push(...value.split('\n').map((line) => line.trim()))
    else flags.push(typeof flag === 'function' ? flag(value) : `${flag}=${value}`)
  }
  if (dryRun === 'true' && !isDiff) flags.push('--dry-run')
  flags.push(isDiff ? '--detailed-exitcode' : '--json')
  return [command, ...flags, '--', ...words].filter((word) => word !== '')
}

/** Text of others in a cell of a table: nothing of it means anything to Markdown or HTML. */
const cell = (text) =>
  text.replace(/\s+/g, ' ').replace(/[^A-Za-z0-9 .:/%+=,-]/gu, (character) => `&#${character.codePointAt(0)};`)

/** The same as a block. */
const block = (text) => text.trimEnd().replace(/^/gm, '    ')

function summarise(command, outcome, { facts, problem }) {
  const asked = ['app', 'channel', 'from', 'version', 'board', 'ramp', 'reason', 'file', 'prune'].map((name) => [
    name,
    input(name),
  ])
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

function writeOutputs(outputs) {
  const lines = Object.entries(outputs).map(([name, value]) => `${name}=${value.replace(/\s/g, '')}\n`)
  appendFileSync(process.env.GITHUB_OUTPUT, lines.join(''))
}

function report(command, { kind, seq, manifest, sha256, rule }) {
  const isDone = kind !== 'dry-run'
  const outputs = {
    sequence: String(seq ?? ''),
    'manifest-url': isDone ? String(manifest ?? '') : '',
    'manifest-sha256': String(sha256 ?? ''),
    changed: String(kind === 'published' || kind === 'changed'),
  }
  writeOutputs(outputs)
  const facts = [...Object.entries(outputs).slice(0, 3), ['allowed by rule', String(rule ?? '')]]
  summarise(command, outcomes[kind] ?? cell(String(kind)), { facts, problem: '' })
}

function fail(command, exitCode, problem) {
  const why = exitCode === 3 ? 'refused' : 'failed'
  summarise(command, `${why}, exit code ${exitCode}`, { facts: [], problem })
  process.exitCode = exitCode
}

/** How a comment of this action begins. */
const marker = '<!-- platte diff -->'
const maxCommentLength = 60_000

/** Says in the pull request what would change; says it again in the same comment. A comment that fails, fails no job. */
async function comment(text) {
  const { GITHUB_API_URL: api, GITHUB_REPOSITORY: repository, GITHUB_EVENT_PATH: event } = process.env
  const token = input('github-token')
  const number = token && event ? JSON.parse(readFileSync(event, 'utf8')).pull_request?.number : undefined
  if (number === undefined) return
  const call = async (path, method, body) => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/vnd.github+json', 'user-agent': 'platte' }
    const answer = await fetch(`${api}/repos/${repository}/issues/${path}`, {
      ...{ method, headers, signal: AbortSignal.timeout(30_000) },
      ...(body && { body: JSON.stringify({ body }) }),
    })
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}`)
    return answer.json()
  }
  try {
    const there = await call(`${number}/comments?per_page=100`, 'GET')
    const own = there.find(({ user, body }) => user?.type === 'Bot' && body?.startsWith(marker))
    if (own) await call(`comments/${own.id}`, 'PATCH', text)
    else await call(`${number}/comments`, 'POST', text)
  } catch ({ message }) {
    process.stderr.write(`warning: the pull request gets no comment: ${message}\n`)
  }
}

/** Exits with 0 whether something would change or not: the output `changed` says it. */
async function diff(ran) {
  const changed = ran.status === 2
  writeOutputs({ sequence: '', 'manifest-url': '', 'manifest-sha256': '', changed: String(changed) })
  const outcome = changed ? 'this would change' : 'nothing would change'
  summarise('diff', outcome, { facts: [], problem: ran.stdout })
  const file = cell(input('file'))
  await comment(`${marker}\n### ${file}: ${outcome}\n\n${block(ran.stdout)}\n`.slice(0, maxCommentLength))
}

async function main(command) {
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
  if (command === 'diff' && [0, 2].includes(ran.status)) return diff(ran)
  if (ran.status === 0) return report(command, JSON.parse(ran.stdout))
  fail(command, ran.status ?? 1, ran.stderr || `error: platte ended by ${ran.signal ?? ran.error?.message}`)
}

await main(input('command'))
