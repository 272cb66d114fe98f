/**
 * The real Zincati, with the configuration that `platte client-config` writes. Only where PLATTE_ZINCATI names it:
 * `.ci/zincati run npm test -- test/fcos`.
 */
import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { readZincati, renderZincati, type ZincatiAnswers } from '../../src/clients/zincati.ts'
import { type Deployed, type Machine, program, startZincati } from './machine.ts'

const booted = { version: '44.20260621.3.1', checksum: '1'.repeat(64) }
const newest = { version: '44.20260707.3.1', checksum: '3'.repeat(64) }
const prefix = 'org.fedoraproject.coreos'

let machine: Machine | undefined
let server: Server | undefined
afterEach(async () => {
  await machine?.stop()
  server?.close()
})

/** @returns the requests as they came, each with its body. */
async function serve(graph: object): Promise<{ readonly url: string; readonly requests: string[] }> {
  const requests: string[] = []
  const listening = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      const text = `${bytes}`
      requests.push(text)
      const body = text.startsWith('GET ') ? JSON.stringify(graph) : ''
      socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
  })
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const address = listening.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' && address?.port}`, requests }
}

const node = ({ version, checksum, oci }: Deployed, age: number, more: object = {}) => ({
  version,
  metadata: {
    [`${prefix}.releases.age_index`]: `${age}`,
    [`${prefix}.scheme`]: oci ? 'oci' : 'checksum',
    ...more,
  },
  payload: oci ?? checksum,
})

function tomlOf(answers: ZincatiAnswers): string {
  const read = readZincati(answers)
  if (!('strategy' in read)) throw new Error(read.join('; '))
  return renderZincati('zincati', read)
}

const params = 'basearch group node_uuid os_checksum os_version platform stream'

/** Zincati keeps its parameters in a map without an order. @returns the request, and the names of its parameters. */
function sorted(request: string): readonly [text: string, names: string] {
  const [, path = '', query = ''] = /^GET (\S+?)\?(\S*) /.exec(request) ?? []
  const pairs = query.split('&').sort()
  const text = request.replace(`${path}?${query}`, `${path}?${pairs.join('&')}`)
  return [text, pairs.map((pair) => pair.split('=')[0]).join(' ')]
}

test.skipIf(program === undefined)('takes a lock, and stages and finalises what the graph leads to', async () => {
  const { url, requests } = await serve({ nodes: [node(booted, 0), node(newest, 1)], edges: [[0, 1]] })
  machine = startZincati(tomlOf({ url, strategy: 'fleet_lock', group: 'workers' }), booted, [newest])
  await machine.reached('update finalized')
  expect(machine.calls()).toEqual([
    'rpm-ostree deploy  --register-driver=Zincati',
    'pkexec /usr/libexec/zincati deadend-motd unset',
    `rpm-ostree deploy --lock-finalization --skip-branch-check revision=${newest.checksum} --disallow-downgrade`,
    `rpm-ostree finalize-deployment ${newest.checksum}`,
  ])
  const [steady, graph = '', lock] = requests
  const host = `host: ${new URL(url).host}\r\n`
  const [text, names] = sorted(graph)
  expect(names).toBe(params)
  const id = /node_uuid=([0-9a-f]{32})/.exec(text)?.[1]
  const query = `basearch=x86_64&group=workers&node_uuid=${id}&os_checksum=${booted.checksum}&os_version=${booted.version}&platform=metal&stream=stable`
  expect(text).toBe(`GET /v1/graph?${query} HTTP/1.1\r\naccept: application/json\r\n${host}\r\n`)
  const body = `{\n  "client_params": {\n    "id": "${id}",\n    "group": "workers"\n  }\n}`
  const asked = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nfleet-lock-protocol: true\r\naccept: */*\r\n${host}content-length: ${body.length}\r\n\r\n${body}`
  expect([steady, lock]).toEqual([asked('/v1/steady-state'), asked('/v1/pre-reboot')])
})

test.skipIf(program === undefined)('a machine of images asks for them, with its wariness', async () => {
  const [now, later] = [3, 4].map((n) => `quay.io/fedora/fedora-coreos@sha256:${`${n}`.repeat(64)}`)
  const [from, to] = [
    { ...booted, oci: `${now}` },
    { ...newest, oci: `${later}` },
  ]
  const { url, requests } = await serve({ nodes: [node(from, 0), node(to, 1)], edges: [[0, 1]] })
  machine = startZincati(tomlOf({ url, wariness: '0.25' }), from, [to])
  await machine.reached('update finalized')
  const [text, names] = sorted(requests[0] ?? '')
  expect(names).toBe(`basearch group node_uuid oci os_checksum os_version platform rollout_wariness stream`)
  expect(text).toContain('&rollout_wariness=0.250000&')
  expect(text).toContain(`&os_checksum=${encodeURIComponent(from.oci)}&`)
  expect(machine.calls()).toContainEqual(expect.stringMatching(/^rpm-ostree deploy --lock-finalization sha256:4{64} /))
})

test.skipIf(program === undefined)('says of a dead end that it is one', async () => {
  const reason = 'https://example.org/1441'
  const end = { [`${prefix}.updates.deadend`]: 'true', [`${prefix}.updates.deadend_reason`]: reason }
  const { url } = await serve({ nodes: [node(booted, 0, end), node(newest, 1)], edges: [] })
  machine = startZincati(tomlOf({ url }), booted, [newest])
  await machine.reached(`current release detected as dead-end, reason: ${reason}`)
  expect(machine.calls()).toContain(`pkexec /usr/libexec/zincati deadend-motd set --reason ${reason}`)
})

test.skipIf(program === undefined)('refuses what is no configuration of it', async () => {
  machine = startZincati(
    '[updates]\nstrategy = "sometimes"\n[cincinnati]\nbase_url = "http://127.0.0.1/"\n',
    booted,
    [],
  )
  await machine.reached("unsupported strategy 'sometimes'")
})
