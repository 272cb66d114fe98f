/** The receiver that drains nodes, as a process, with a stand-in for kubectl that writes down its words. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { send } from '../../src/outgoing/send.ts'
import { transport } from '../../src/runtime/transport.ts'

const key = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
const folder = mkdtempSync(join(tmpdir(), 'platte-drain-'))
const words = join(folder, 'words')
const nodes = join(folder, 'nodes.json')
const machineId = '0123456789abcdef0123456789abcdef'
let receiver: ChildProcess
let url = ''

const setNode = (spec: object, annotations: object = {}) =>
  writeFileSync(
    nodes,
    JSON.stringify({
      items: [{ metadata: { name: 'node-1', annotations }, spec, status: { nodeInfo: { machineID: machineId } } }],
    }),
  )
/** What kubectl was asked for since the last time, without reads. */
function asked(): readonly string[] {
  const lines = readFileSync(words, 'utf8').split('\n')
  return lines.filter((line) => line !== '' && !line.startsWith('get '))
}
const forget = () => writeFileSync(words, '')

beforeAll(async () => {
  forget()
  const script = `#!/bin/sh\necho "$*" >> ${words}\nif [ "$1" = get ]; then cat ${nodes}; fi\nif [ "$1" = drain ]; then exec sleep 600; fi\n`
  writeFileSync(join(folder, 'kubectl'), script)
  chmodSync(join(folder, 'kubectl'), 0o755)
  const env = { PATH: `${folder}:${process.env.PATH}`, PLATTE_LOCK_HOOKS_KEY: key, PORT: '0', HOST: '127.0.0.1' }
  receiver = spawn(process.execPath, ['infra/kubernetes/drain/receiver.mjs'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (receiver.stdout === null) throw new Error('no output')
  for await (const line of createInterface(receiver.stdout)) {
    url = `http://127.0.0.1:${JSON.parse(line).listening}/hook`
    break
  }
  receiver.stdout.resume()
})
afterAll(() => {
  receiver.kill()
  rmSync(folder, { recursive: true })
})

const say = (type: string, machine: string, more: { readonly key?: string; readonly now?: number } = {}) =>
  send({ url, key: more.key ?? key, transport, clock: () => more.now ?? Date.now() }, {
    id: 'msg_1',
    type,
    data: { group: 'workers', machine },
  } as { readonly id: string })

test('a machine that may reboot is drained, and uncordoned when it is back', async () => {
  setNode({})
  await say('reboot.locked', machineId)
  const drain = 'drain node-1 --ignore-daemonsets --delete-emptydir-data --timeout=10m'
  await vi.waitFor(
    () => expect(asked()).toEqual(['annotate node node-1 platte-drained=true --overwrite', 'cordon node-1', drain]),
    60_000,
  )
  forget()
  setNode({ unschedulable: true }, { 'platte-drained': 'true' })
  await say('reboot.unlocked', machineId)
  expect(asked()).toEqual(['uncordon node-1', 'annotate node node-1 platte-drained-'])
})

test('what an operator cordoned stays so, and a machine that was freed by others is left alone', async () => {
  forget()
  setNode({ unschedulable: true })
  await say('reboot.freed', machineId)
  await say('reboot.unlocked', machineId)
  await say('reboot.locked', 'f'.repeat(32))
  expect(asked()).toEqual([])
})

test('a machine of Zincati is found by its id for applications', async () => {
  forget()
  setNode({ unschedulable: true }, { 'platte-drained': 'true' })
  // systemd-id128 --app-specific=de35106b6ec24688b63afddaa156679b of that machine id.
  const { createHmac } = await import('node:crypto')
  const bytes = createHmac('sha256', Buffer.from(machineId, 'hex'))
    .update(Buffer.from('de35106b6ec24688b63afddaa156679b', 'hex'))
    .digest('hex')
  const variant = ((Number.parseInt(bytes[16] ?? '0', 16) & 3) | 8).toString(16)
  await say('reboot.unlocked', `${bytes.slice(0, 12)}4${bytes.slice(13, 16)}${variant}${bytes.slice(17, 32)}`)
  expect(asked()).toEqual(['uncordon node-1', 'annotate node node-1 platte-drained-'])
})

test.each([
  ['another key', { key: `whsec_${Buffer.alloc(32, 6).toString('base64')}` }],
  ['a message of an hour ago', { now: Date.now() - 3_600_000 }],
])('%s is refused', async (_, more) => {
  forget()
  setNode({})
  await expect(say('reboot.locked', machineId, more)).rejects.toThrow('answered with 401')
  expect(asked()).toEqual([])
})
