/** Rules and dashboard name only what a real server measures, and docs/monitoring.md has each of it. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { readLine } from '../../src/fleet/lines.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { createGroup } from '../../src/locks/edits.ts'
import { jsonLogTo, startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { faultsOf, faultyDocuments } from '../faults/faulty.ts'
import { openAsked, status } from '../lock-gates/asked.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>
}
interface Rule {
  readonly alert: string
  readonly expr: string
}

const board: { readonly panels: readonly Panel[] } = JSON.parse(readFileSync('infra/grafana/platte.json', 'utf8'))
const groups: readonly { readonly rules: readonly Rule[] }[] = parse(
  readFileSync('infra/prometheus/platte.rules.yml', 'utf8'),
).groups
const rules = groups.flatMap((group) => group.rules)
const doc = readFileSync('docs/monitoring.md', 'utf8')

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const folder = await mkdtemp(join(tmpdir(), 'platte-monitoring-'))
afterAll(() => rm(folder, { recursive: true }))

const omaha = (machine: string, content: string, more = ''): string =>
  `<request protocol="3.0" ${more}><app appid="{${app}}" version="1.0.0" track="stable" board="amd64-usr" machineid="${machine}">${content}</app></request>`

/** A projection with what a server is told only after a day: a machine that is silent, and a line of no machine. */
function prepare(file: string): void {
  const day = 24 * 60 * 60 * 1000
  const projection = openProjection(file, { clock: Date.now, keepMs: 90 * day })
  const line = { event: 'contact', app, channel: 'stable', version: '1.0.0', ping: true }
  const time = new Date(Date.now() - 2 * day).toISOString()
  for (const machine of ['gone', '']) readLine(JSON.stringify({ ...line, time, machine }), projection)
  projection.endFile('')
  projection.flush()
  projection.close()
}

/** A gate that is closed, and a hook that fails. */
const asked = await openAsked(status(503))
afterAll(() => asked.close())

/** Reads of the store by the last scrape. */
let reads: readonly string[] = []

/** What a server measures to which something of everything happened. */
async function measured(): Promise<string> {
  const fleet = join(folder, 'fleet.db')
  prepare(fleet)
  const dir = join(folder, 'store')
  await makeStore({ kind: 'file', dir })
  const { documents, packages } = await openStore({ kind: 'file', dir })
  const { publisher, pin } = await makeSceneStore(documents, packages)
  for (const group of ['workers', 'gated']) await createGroup(publisher, group, 1, 'operator')
  const faults = faultsOf()
  const settings = readSettings(
    {
      ...{ PLATTE_STORE: `file:${dir}`, PLATTE_ROOT: pin, PLATTE_PUBLIC_URL: publicUrl, PORT: '0' },
      ...{ PLATTE_EVENTS: 'store', PLATTE_METRICS: 'on', PLATTE_LOCKS: 'on' },
      PLATTE_LOCK_GATES: JSON.stringify([{ name: 'closed', url: asked.url, groups: ['gated'] }]),
      PLATTE_LOCK_HOOKS: JSON.stringify([{ url: asked.url, groups: ['workers'] }]),
      PLATTE_LOCK_HOOKS_KEY: `whsec_${Buffer.alloc(24).toString('base64')}`,
      PLATTE_FLEET_FILE: fleet,
    },
    ['store', 'pin'],
  )
  const { url, stop } = await startServer(settings, {
    ...{ ...publisher, log: jsonLogTo(new PassThrough()), timestamp: [] },
    documents: faultyDocuments(publisher.documents, faults),
  })
  const post = (path: string, body: string, headers = {}) => fetch(url + path, { method: 'POST', body, headers })
  await post('/v1/update/', omaha('a', '<updatecheck/>'))
  await post('/v1/update/', omaha('a', '<event eventtype="3" eventresult="0" errorcode="9"/>'))
  await post('/v1/update/', omaha('b', '<updatecheck/>').replace('1.0.0', '9999.0.0'))
  await post('/v1/update/', omaha('c', '<event eventtype="3" eventresult="9" errorcode="40"/>'))
  await post(
    '/v1/update/',
    omaha('s', '<updatecheck/>', 'version="CoreOSUpdateEngine-0.1.0.0" installsource="scheduler"'),
  )
  const used = { appid: app, version: '1.0', ping: { rd: -1, ad: -1 } }
  await post('/v1/update/', JSON.stringify({ request: { protocol: '4.0', apps: [used] } }))
  await post('/v1/update/', 'no request')
  for (const group of ['workers', 'closed', 'gated']) {
    const lock = { client_params: { id: 'a', group } }
    await post('/v1/pre-reboot', JSON.stringify(lock), { 'fleet-lock-protocol': 'true' })
  }
  const read = async () => {
    const before = faults.calls.length
    const text = await (await fetch(`${url}/metrics`)).text()
    reads = faults.calls.slice(before)
    // Who waits is written in the background.
    expect(reads).not.toContain('create locks/waiting/gated.json')
    for (const name of ['fleet_failed_machines', 'fleet_waiting_machines', 'fleet_release_failed_machines'])
      expect(text).toContain(`platte_${name}{`)
    expect(text).toContain('platte_lock_hook_waiting{')
    return text
  }
  const text = await vi.waitFor(read, { timeout: 60_000, interval: 200 })
  await stop()
  return text
}

const text = await measured()
const labels = new Map<string, Set<string>>()
// Some have no series here, such as those of guarded channels.
for (const [, name = ''] of text.matchAll(/^# TYPE (platte_\w+) /gm)) labels.set(name, new Set(['job', 'instance']))
for (const [, name = '', some = ''] of text.matchAll(/^(platte_\w+)(?:\{(.*)\})? /gm))
  labels.set(name, new Set(['job', 'instance', ...[...some.matchAll(/(\w+)="/g)].map(([, label = '']) => label)]))

const exprs = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...board.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
]

test.each(exprs)('%s names metrics and labels that there are', (_, expr) => {
  const names = [...expr.matchAll(/\bplatte_\w+/g)].map(([name]) => name)
  for (const name of names) expect(labels.keys(), name).toContain(name)
  for (const [, name = '', matchers = ''] of expr.matchAll(/\b(platte_\w+)\{([^}]*)\}/g))
    for (const [, label = ''] of matchers.matchAll(/(\w+)=~?"/g)) expect(labels.get(name), name).toContain(label)
  const known = new Set(names.flatMap((name) => [...(labels.get(name) ?? [])]))
  for (const [, some = ''] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g))
    for (const label of some.split(', ')) expect(known).toContain(label)
})

test('every metric is described, and shown or watched', () => {
  expect(labels.size).toBeGreaterThan(20)
  const named = exprs.map(([, expr]) => expr).join('\n')
  for (const name of labels.keys()) {
    expect(doc).toContain(`\`${name}\``)
    expect(named).toMatch(new RegExp(`\\b${name}\\b`))
  }
})

test('a scrape reads a group of locks once, and who waits for it', () => {
  const ofGroup = reads.filter((call) => call.endsWith('/gated.json'))
  expect(ofGroup.sort()).toEqual(['get locks/gated.json', 'get locks/waiting/gated.json'])
})

test('every alert is described, and has a test in which it fires and one in which it does not', () => {
  const { tests } = parse(readFileSync('infra/prometheus/platte.rules.test.yml', 'utf8')) as {
    readonly tests: readonly { readonly promql_expr_test: readonly { readonly exp_samples: readonly object[] }[] }[]
  }
  const firing = tests.map(({ promql_expr_test: all }) => JSON.stringify(all))
  for (const { alert } of rules) {
    expect(firing.filter((one) => one.includes(`"${alert}\\"`)).length, alert).toBeGreaterThan(0)
    expect(doc).toContain(`\`${alert}\``)
  }
  for (const { promql_expr_test: all } of tests) expect(all.some((one) => one.exp_samples.length === 0)).toBe(true)
})

test('panels have numbers of their own, and lie side by side', () => {
  const { panels } = board
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  for (const { title, gridPos: a } of panels) {
    expect(a.x + a.w, title).toBeLessThanOrEqual(24)
    const over = panels.filter(
      ({ title: other, gridPos: b }) =>
        other !== title && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h,
    )
    expect(over.map((one) => one.title)).toEqual([])
  }
})
