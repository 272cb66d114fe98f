/**
 * The real Zincati, with the configuration that `platte client-config` writes. Only where PLATTE_ZINCATI names it:
 * `.ci/zincati run npm test -- test/fcos`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { readZincati, renderZincati, type ZincatiAnswers } from '../../src/clients/zincati.ts'
import { createGroup, lockMachine } from '../../src/locks/edits.ts'
import { readLock } from '../../src/locks/store.ts'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { makeStore, openStore } from '../../src/runtime/store.ts'
import { execute } from '../changes.ts'
import { makeSceneStore } from '../scenes/fixture.ts'
import { type Deployed, type Machine, program, startZincati } from './machine.ts'
import { graphRequest, lockRequest, sorted } from './requests.ts'

const booted = { version: '44.20260621.3.1', checksum: '1'.repeat(64) }
const newest = { version: '44.20260707.3.1', checksum: '3'.repeat(64) }
const [app, group] = ['fedora-coreos', 'workers']
let machine: Machine | undefined
const ends: (() => unknown)[] = []
afterEach(async () => {
  await machine?.stop()
  for (const end of ends.splice(0).reverse()) await end()
})

/** A Platte with these releases in `stable`, and a group of one slot, which `holder` has. */
async function startPlatte(releases: readonly object[], holder?: string) {
  const dir = mkdtempSync(join(tmpdir(), 'platte-zincati-store-'))
  ends.push(() => rmSync(dir, { recursive: true }))
  await makeStore({ kind: 'file', dir })
  const { documents, packages } = await openStore({ kind: 'file', dir })
  const { publisher, pin } = await makeSceneStore(documents, packages)
  if (releases.length > 0) await execute(publisher, 'adopt', { app, channel: 'stable', create: true, releases })
  await createGroup(publisher, group, 1, 'operator')
  if (holder) await lockMachine(publisher, group, { id: holder, via: 'operator' })
  const env = { PLATTE_STORE: `file:${dir}`, PLATTE_ROOT: pin, PORT: '0', PLATTE_LOCKS: 'on', PLATTE_APP: app }
  const { url, stop } = await startServer(readSettings(env, ['store', 'pin']), publisher)
  ends.push(stop)
  const holders = async () => ((await readLock({ documents }, group))?.lock.holders ?? []).map(({ id }) => id)
  return { url, holders }
}

/** Whole requests in what came, and the rest. */
function requestsIn(text: string): readonly [requests: readonly string[], rest: string] {
  const head = text.indexOf('\r\n\r\n') + 4
  const length = head + Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0)
  if (head < 4 || text.length < length) return [[], text]
  const [others, rest] = requestsIn(text.slice(length))
  return [[text.slice(0, length), ...others], rest]
}

/** A Platte, and before it what writes down what comes. */
async function serve(releases: readonly object[], holder?: string) {
  const platte = await startPlatte(releases, holder)
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    const behind = connect(Number(new URL(platte.url).port), '127.0.0.1')
    for (const one of [socket, behind]) sockets.add(one.on('error', () => {}))
    let text = ''
    socket.on('data', (bytes) => {
      const [whole, rest] = requestsIn(text + bytes)
      text = rest
      requests.push(...whole)
      behind.write(bytes)
    })
    behind.on('data', (bytes) => socket.write(bytes))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { ...platte, requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** As `adopt` brings it. */
const release = ({ version, checksum, oci }: Deployed, more: object = {}) => ({
  ...{ version, offered: true, boards: { x86_64: { checksum, ...(oci && { oci }) } } },
  ...more,
})

function tomlOf(answers: ZincatiAnswers): string {
  const read = readZincati(answers)
  if (!('strategy' in read)) throw new Error(read.join('; '))
  return renderZincati('zincati', read)
}

/** That of its machine id, as the agent derives it. */
const id = '583627a932274834a8ebd99f4ed41c0d'

test.skipIf(program === undefined)('takes a lock of this server, and stages what the graph leads to', async () => {
  const { url, requests, holders } = await serve([release(booted), release(newest)])
  machine = startZincati(tomlOf({ url, strategy: 'fleet_lock', group }), booted, [newest])
  await machine.reached('update finalized')
  expect(machine.calls()).toEqual([
    'rpm-ostree deploy  --register-driver=Zincati',
    'pkexec /usr/libexec/zincati deadend-motd unset',
    `rpm-ostree deploy --lock-finalization --skip-branch-check revision=${newest.checksum} --disallow-downgrade`,
    `rpm-ostree finalize-deployment ${newest.checksum}`,
  ])
  const asking = { host: new URL(url).host, group, node: id }
  expect(requests.map(sorted)).toEqual([
    lockRequest('/v1/steady-state', asking),
    graphRequest({ ...asking, version: booted.version, os: booted.checksum }),
    lockRequest('/v1/pre-reboot', asking),
  ])
  expect(await holders()).toEqual([id])
})

test.skipIf(program === undefined)('waits while another machine has the lock', async () => {
  const { url } = await serve([release(booted), release(newest)], 'other')
  machine = startZincati(tomlOf({ url, strategy: 'fleet_lock', group }), booted, [newest])
  await machine.reached('code 423: semaphore is at 0: no slot is free')
  expect(machine.calls().some((call) => call.includes('finalize'))).toBe(false)
})

test.skipIf(program === undefined)('a machine of images asks for them, and gets what its wariness allows', async () => {
  const [from, to, careful] = [booted, newest, { version: '44.20260721.3.0', checksum: '5'.repeat(64) }].map((one) => ({
    ...one,
    oci: `quay.io/fedora/fedora-coreos@sha256:${one.checksum}`,
  })) as [Required<Deployed>, Deployed, Deployed]
  const ramp = [{ at: '2020-01-01T00:00:00Z', share: 0.2 }]
  const { url, requests } = await serve([release(from), release(to), release(careful, { ramp })])
  machine = startZincati(tomlOf({ url, wariness: '0.25' }), from, [to, careful])
  await machine.reached(`update finalized: ${newest.version}`)
  const asking = { host: new URL(url).host, group: 'default', node: id, version: from.version }
  expect(requests.map(sorted)).toEqual([graphRequest({ ...asking, os: from.oci, wariness: 0.25 })])
  expect(machine.calls()).toContainEqual(expect.stringMatching(/^rpm-ostree deploy --lock-finalization sha256:3{64} /))
})

test.skipIf(program === undefined)('an unknown version goes through the floor', async () => {
  const old = { version: '40.20240101.3.0', checksum: '7'.repeat(64) }
  const { url } = await serve([release(booted, { floor: 'new keys' }), release(newest)])
  machine = startZincati(tomlOf({ url }), old, [booted, newest])
  await machine.reached(`update finalized: ${booted.version}`)
})

test.skipIf(program === undefined)('says of a dead end that it is one', async () => {
  const reason = 'https://example.org/1441'
  const { url } = await serve([release(booted, { deadEnd: reason }), release(newest)])
  machine = startZincati(tomlOf({ url }), booted, [newest])
  await machine.reached(`current release detected as dead-end, reason: ${reason}`)
  const calls = machine.calls
  const call = `pkexec /usr/libexec/zincati deadend-motd set --reason ${reason}`
  await expect.poll(calls, { timeout: 30_000 }).toContain(call)
})

test.skipIf(program === undefined)('logs why there is no graph', async () => {
  const { url } = await serve([])
  machine = startZincati(tomlOf({ url }), booted, [])
  await machine.reached('server-side error, code 404: ')
})

test.skipIf(program === undefined)('refuses what is no configuration of it', async () => {
  machine = startZincati(
    '[updates]\nstrategy = "sometimes"\n[cincinnati]\nbase_url = "http://127.0.0.1/"\n',
    booted,
    [],
  )
  await machine.reached("unsupported strategy 'sometimes'")
})
