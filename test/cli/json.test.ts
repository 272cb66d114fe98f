/** Every command prints with `--json` what docs/schemas.json says: its data, or the error. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Command } from 'commander'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { loadCommand, names } from '../../src/cli/commands.ts'
import { takeLines } from '../../src/fleet/follow.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import type { Ran } from './commands-child.ts'
import { claims, issuer, policy } from './pipeline.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-json-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** Servers log, a script is for a shell, and others talk to a server: their tests are elsewhere. */
const elsewhere = ['webhook test', 'import nebraska', 'import coreupdate', 'serve', 'start', 'completion']

/** Each with `--json`, in this order, in one store. */
const scene = `root format 2 --oldest-reader 9.0.0 --out root-2.json
root sign root-2.json --key keys/root.jwk
root publish root-2.jws
root show
keygen cup.jwks --cup 16
root cup cup.jwks --out root-cup.json
publish p1 --channel beta --version 1.0.0 --board amd64-usr --raw --create --components components.json
publish p2 --channel beta --version 2.0.0 --board amd64-usr --raw --dry-run
publish p2 --channel beta --version 2.0.0 --board amd64-usr --raw --cve CVE-2026-1234 --notes p1
publish p2 --channel beta --version 2.0.0 --board amd64-usr --raw --cve CVE-2026-1234 --notes p1
channel create stable --description words --cadence 14d --on Tue --alias other --guard failures=5%
channel edit stable --description more --keep 30
channel create gone
channel rename gone went
channel delete went
channel list
promote 1.0.0 --from beta --to stable --raw
promote 2.0.0 --from beta --to stable --raw --ramp-over 48h
ramp 2.0.0 --channel stable --share 30% --yes
ramp --channel stable --pause
show stable
ramp --channel stable --resume --yes
window --channel stable --days Mon-Fri --from 22:00 --to 04:00 --time-zone Europe/Berlin
target 2.0.0 --channel stable --oem azure,ami --running >=1.0.0
show
show stable
explain --channel stable --version 1.0.0 --board amd64-usr --machine 0123456789abcdef0123456789abcdef
explain --channel stable --version 1.0.0 --board amd64-usr --oem azure --os 10.0 --browser 156.0
explain --channel beta --version 1.0.0 --board amd64-usr
explain --channel nowhere --version 1.0.0 --board amd64-usr
hold 2.0.0 --channel stable --reason why
explain --channel stable --version 1.0.0 --board amd64-usr
show stable
unhold 2.0.0 --channel stable --yes
floor 1.0.0 --channel stable --reason why
dead-end 1.0.0 --channel beta --reason why
withdraw 2.0.0 --channel beta --reason why
rollback 2.0.0 --channel stable --reason why
show
follow beta --channel stable --after 7d
prune --channel beta --keep 1 --dry-run
history --channel stable
diff channels.toml
apply channels.toml
export-config
fleet status --fleet-file fleet.db --app e96281a6-d1af-4bde-9a0a-97b76e56dc57
fleet machines --fleet-file fleet.db --app e96281a6-d1af-4bde-9a0a-97b76e56dc57
fleet machine 11111111111111111111111111111111 --fleet-file fleet.db --app e96281a6-d1af-4bde-9a0a-97b76e56dc57
fleet release 4152.2.0 --fleet-file fleet.db --app e96281a6-d1af-4bde-9a0a-97b76e56dc57
fleet follow --fleet-file fleet-2.db
fleet forgive 0123456789abcdef0123456789abcdef
report --fleet-file fleet.db
lock create workers
lock create racks --driver durable-object
lock list
lock driver bucket --group racks
lock set-max 2 --group workers
lock lock m1 --group workers
lock status --group workers
lock policy workers --lease 4h --veto-on-hold --days Mon-Fri --from 22:00 --to 04:00 --time-zone Europe/Berlin
lock zones workers --per-zone 2 --by-suffix --list zones.txt
lock status --group workers
lock policy workers
lock zones workers --remove
lock history --group workers
lock acknowledge --group workers
lock unlock m1 --group workers
lock unlock m1 --group workers
export --out bundle.tar
import bundle.tar --store file:copy
mirror file:store --store file:copy
adopt file:store io.example.agent/beta --as adopted --create --raw
client-config --channel stable --public-url https://updates.example.org
client-config --app docker --channel stable --board x86-64 --transfer docker.raw --public-url https://updates.example.org
client-config --system fcos --strategy fleet_lock --group workers --public-url https://updates.example.org
client-config --system chromium --app ghbmnnjooekpmoecnnnilnnbdlolhkhi --channel beta --public-url https://updates.example.org
client-config --check update.conf
verify
doctor
refresh
keygen new.jwk
key encrypt new.jwk --passphrase-file pass
key show new.jwk --passphrase-file pass
key decrypt new.jwk --passphrase-file pass
policy check --publish-policy file:policy.json
policy check --publish-policy file:policy.json --claims claims.json --channel stable
root edit --expires never --out root-3.json
root rotate --role timestamp --new-key timestamp-2.jwk --root-keys keys
root reissue
show --nonsense`

const token = { ...claims, iss: issuer, aud: policy.audience, event_name: 'push', ref: 'refs/heads/main' }
const files = {
  ...{
    pass: 'correct horse battery staple',
    p1: 'one',
    p2: 'two',
    'components.json': '{"kernel":"6.12"}',
    'zones.txt': 'm1 a\nm2 b\n',
    'update.conf': 'GROUP=stable # x\n',
  },
  'channels.toml': '[apps."io.example.agent".channels.later]\ndescription = "x"\n',
  ...{ 'policy.json': JSON.stringify(policy), 'claims.json': JSON.stringify(token) },
}

function makeFleet(): void {
  const options = { clock: () => Date.parse('2026-11-23T07:00:00Z'), keepMs: 1e9 }
  const fleet = openProjection(join(dir, 'fleet.db'), options)
  const sample = readFileSync(join(import.meta.dirname, '../samples/events/platte.ndjson'), 'utf8')
  takeLines(fleet, sample.trim().split('\n'))
  fleet.endFile('')
  fleet.flush()
  fleet.close()
}

const variables = { PLATTE_APP: 'io.example.agent', PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', HOME: dir }
const node = (words: readonly string[], input = '', more = {}): string => {
  const env = { ...process.env, ...variables, ...more }
  return spawnSync(process.execPath, words, { cwd: dir, env, input, encoding: 'utf8', maxBuffer: 2 ** 26 }).stdout
}

const ran: Ran[] = []
beforeAll(() => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  makeFleet()
  const init = ['init', '--json']
  ran.push({ words: init, exitCode: 0, stdout: node([inject('cli'), ...init]), stderr: '' })
  const { pin: PLATTE_ROOT } = JSON.parse(ran[0]?.stdout ?? '')
  const lists = scene.split('\n').map((line) => [...line.split(' '), '--json'])
  const child = join(import.meta.dirname, 'commands-child.ts')
  const lines = node([child], JSON.stringify(lists), { PLATTE_ROOT, PLATTE_UPSTREAM_ROOT: PLATTE_ROOT })
  ran.push(
    ...lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
  if (process.env.DUMP) writeFileSync(process.env.DUMP, JSON.stringify(ran))
})

type Schema = Readonly<Record<string, unknown>>
const published: Schema & { readonly properties: Schema } = JSON.parse(readFileSync('docs/schemas.json', 'utf8'))

/** Here a member that no schema has is an error; users get schemas that allow more. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const all = Object.fromEntries(Object.entries(schema).map(([name, one]) => [name, closed(one)]))
  return 'required' in all && !('additionalProperties' in all) ? { ...all, additionalProperties: false } : all
}

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
ajv.addSchema(closed({ ...published, $id: 'platte' }) as object)

/** @returns what is wrong with what a command printed. */
function problemsOf(name: string, text: string): unknown {
  const found = JSON.parse(text)
  const place = 'error' in found ? '/$defs/error' : `/properties/${encodeURIComponent(name)}`
  const validate = ajv.getSchema(`platte#${place}`)
  return validate === undefined ? `docs/schemas.json has no ${name}` : validate(found) ? undefined : validate.errors
}

const leaves = (one: Command, parent = ''): readonly string[] => {
  const path = `${parent} ${one.name()}`.trim()
  const isLeaf = one.commands.length === 0 || one.registeredArguments.length > 0
  return [...(isLeaf ? [path] : []), ...one.commands.flatMap((sub) => leaves(sub, path))]
}
const all = (await Promise.all(names.map(async (name) => leaves((await loadCommand(name)) as Command)))).flat()
const nameOf = (words: readonly string[]): string =>
  [words.slice(0, 2).join(' '), words[0] ?? ''].find((name) => all.includes(name)) ?? ''

test('the schemas are of the commands that there are, and of all of them', () => {
  const servers = ['serve', 'start', 'completion']
  expect(Object.keys(published.properties).sort()).toEqual(all.filter((name) => !servers.includes(name)).sort())
})

test('every command with data was run', () => {
  const run = new Set(ran.map(({ words }) => nameOf(words)))
  expect(all.filter((name) => !run.has(name))).toEqual(elsewhere)
})

test('each printed what its schema says', () => {
  const problems = ran.flatMap(({ words, stdout }) => {
    const found = problemsOf(nameOf(words), stdout)
    return found === undefined ? [] : [{ words: words.join(' '), found }]
  })
  expect(problems).toEqual([])
  expect(ran.filter(({ stdout }) => stdout.startsWith('{"error"')).length).toBe(3)
})
