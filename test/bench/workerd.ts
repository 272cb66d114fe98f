/** The real workerd, without the simulator around it: one socket, one Worker, and a bucket that this process answers for. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Documents } from '../../src/store/documents.ts'
import { bundleWorker } from './bundle.ts'

/** The one that wrangler brings along. */
const fromWrangler = createRequire(createRequire(import.meta.url).resolve('wrangler/package.json'))
const binary = join(dirname(fromWrangler.resolve('workerd/package.json')), 'bin/workerd')

export interface WorkerOptions {
  /** A file of this folder instead of Platte's own Worker. */
  readonly entry?: string | undefined
  /** A Worker that is built already. */
  readonly bundle?: string
  readonly texts: Readonly<Record<string, string>>
  /** What is bound as PLATTE_BUCKET. */
  readonly documents: Documents
  /** Where its log goes. */
  readonly stdout: 'ignore' | number
}

/** A Worker that can be started any number of times. */
export interface Worker {
  start(): Promise<RunningWorker>
  close(): Promise<void>
}

export interface RunningWorker {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

export async function makeWorker({ entry, bundle, texts, documents, stdout }: WorkerOptions): Promise<Worker> {
  const dir = await mkdtemp(join(tmpdir(), 'platte-workerd-'))
  const bucket = createServer((request, response) => {
    answerBucket(documents, request, response).catch(() => response.destroy())
  })
  bucket.listen(0, '127.0.0.1')
  await once(bucket, 'listening')
  const script = join(dir, 'worker.mjs')
  if (bundle === undefined) bundleWorker(script, entry)
  else await copyFile(bundle, script)
  const config = join(dir, 'config.capnp')
  await writeFile(config, configOf(texts, bucket.address() as AddressInfo))
  return {
    start: () => start(config, stdout),
    close: async () => {
      bucket.close()
      bucket.closeAllConnections()
      await rm(dir, { recursive: true })
    },
  }
}

/** @see workerd's src/workerd/server/workerd.capnp */
function configOf(texts: WorkerOptions['texts'], { port }: AddressInfo): string {
  const bindings = Object.entries(texts).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`)
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "worker.mjs")],
      compatibilityDate = "2026-10-01",
      bindings = [(name = "PLATTE_BUCKET", r2Bucket = "bucket"), ${bindings.join(', ')}],
    )),
    (name = "internet", network = (allow = ["public", "private"])),
    (name = "bucket", external = (address = "127.0.0.1:${port}", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`
}

async function start(config: string, stdout: 'ignore' | number): Promise<RunningWorker> {
  const child = spawn(binary, ['serve', config, '--control-fd=3'], { stdio: ['ignore', stdout, 'inherit', 'pipe'] })
  const ended = once(child, 'exit')
  const port = await Promise.race([portOf(child), ended.then(() => undefined)])
  if (port === undefined || child.pid === undefined) throw new Error('workerd ended early')
  return {
    pid: child.pid,
    port,
    stop: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** What it says on its control channel when it listens. */
async function portOf(child: ChildProcess): Promise<number | undefined> {
  for await (const line of createInterface(child.stdio[3] as Readable)) return JSON.parse(line).port
  return undefined
}

/**
 * What workerd's R2 binding asks of the service behind it, for whole objects that are read: the answer's body is what is
 * known of the object, as JSON, and then its bytes.
 */
async function answerBucket(documents: Documents, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { object, onlyIf } = JSON.parse(String(request.headers['cf-r2-request']))
  const found = await documents.get(object, 2 ** 20)
  if (found === undefined) {
    response.writeHead(404, errorHeader(10007, 'there is no such object')).end()
    return
  }
  const { bytes, token } = found
  const isKnown = onlyIf?.etagDoesNotMatch?.some(({ value }: { readonly value: string }) => value === token)
  const about = JSON.stringify({ name: object, version: token, size: bytes.length, etag: token, uploaded: '0' })
  const [status, error] = isKnown ? [412, errorHeader(10031, 'a condition did not hold')] : [200, {}]
  response.writeHead(status, { 'cf-r2-metadata-size': about.length, ...error })
  response.write(about)
  response.end(isKnown ? undefined : bytes)
}

const errorHeader = (v4code: number, message: string) => ({
  'cf-r2-error': JSON.stringify({ version: 1, v4code, message }),
})
