/**
 * Receives the hook of reboot locks: drains the node of a machine that may reboot, and uncordons it when it is back.
 * PLATTE_LOCK_HOOKS_KEY is the server's; kubectl finds its cluster as in any pod. No packages.
 */
import { execFile, spawn } from 'node:child_process'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { promisify } from 'node:util'

const { PLATTE_LOCK_HOOKS_KEY = '', PORT = '8080', DRAIN_TIMEOUT = '10m' } = process.env
const secret = Buffer.from(PLATTE_LOCK_HOOKS_KEY.replace('whsec_', ''), 'base64')
if (secret.length < 24) throw new Error('PLATTE_LOCK_HOOKS_KEY is missing: set it to the key of the server')

const maxBodyBytes = 64 * 1024
const maxAgeSeconds = 5 * 60
/** On nodes that this receiver cordoned: it uncordons no other. */
const mark = 'platte-drained'
const drains = new Map()

const log = (fields) => process.stdout.write(`${JSON.stringify(fields)}\n`)
const kubectl = async (...words) =>
  (await promisify(execFile)('kubectl', words, { timeout: 8_000, maxBuffer: 64 * 1024 * 1024 })).stdout

/** https://www.standardwebhooks.com */
function isSigned(headers, body) {
  const [id, seconds, signatures] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`] ?? '')
  if (!(Math.abs(Date.now() / 1000 - Number(seconds)) <= maxAgeSeconds)) return false
  const wanted = Buffer.from(`v1,${createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')}`)
  return signatures.split(' ').some((one) => {
    const given = Buffer.from(one)
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  })
}

/** As Zincati names a machine: systemd's id for applications, of the machine id. */
function zincatiId(machineId) {
  const application = Buffer.from('de35106b6ec24688b63afddaa156679b', 'hex')
  const bytes = createHmac('sha256', Buffer.from(machineId, 'hex')).update(application).digest().subarray(0, 16)
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return bytes.toString('hex')
}

async function nodeOf(machine) {
  const { items } = JSON.parse(await kubectl('get', 'nodes', '-o', 'json'))
  return items.find(({ status }) => {
    const id = (status.nodeInfo.machineID ?? '').replaceAll('-', '').toLowerCase()
    return id === machine || (id !== '' && zincatiId(id) === machine)
  })
}

/** The answer does not wait for the drain: the machine does not either. */
function drain(name) {
  const options = ['--ignore-daemonsets', '--delete-emptydir-data', `--timeout=${DRAIN_TIMEOUT}`]
  const child = spawn('kubectl', ['drain', name, ...options], { stdio: ['ignore', 'ignore', 'inherit'] })
  drains.set(name, child)
  child.on('error', (error) => log({ node: name, problem: error.message }))
  child.on('close', (code) => {
    if (drains.get(name) === child) drains.delete(name)
    log({ node: name, what: 'drain ended', code })
  })
}

async function handle({ type, data }) {
  const node = await nodeOf(data.machine)
  const name = node?.metadata.name
  log({ type, machine: data.machine, node: name ?? 'no node has this machine id' })
  if (name === undefined) return
  const isMarked = node.metadata.annotations?.[mark] !== undefined
  if (type === 'reboot.locked') {
    if (!node.spec.unschedulable) await kubectl('annotate', 'node', name, `${mark}=true`, '--overwrite')
    await kubectl('cordon', name)
    if (!drains.has(name)) drain(name)
  }
  if (type === 'reboot.unlocked') {
    drains.get(name)?.kill()
    if (!isMarked) return
    await kubectl('uncordon', name)
    await kubectl('annotate', 'node', name, `${mark}-`)
  }
}

async function answer(request) {
  if (request.method !== 'POST') return request.url === '/healthz' ? 204 : 404
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > maxBodyBytes) return 413
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks).toString()
  if (!isSigned(request.headers, body)) return 401
  await handle(JSON.parse(body))
  return 204
}

createServer(async (request, response) => {
  const status = await answer(request).catch((error) => {
    log({ problem: error.message })
    return 500
  })
  response.writeHead(status).end()
}).listen(Number(PORT), process.env.HOST, function listening() {
  log({ listening: this.address().port })
})
