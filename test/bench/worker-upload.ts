/** A package that a pipeline sends through the Worker of wrangler.toml: what the Worker holds meanwhile. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { startIssuer } from '../publish/issuer.ts'
import { emptyStore } from '../publish/store.ts'
import { upload } from './package-upload.ts'

const root = resolve(import.meta.dirname, '../..')
const wrangler = join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin/wrangler.js')
const sampleEveryMs = 20

/** @returns the most memory of the Worker's isolate while a file was sent and read again, in megabytes. */
export async function uploadToWorker(dir: string, file: string): Promise<number> {
  const issuer = await startIssuer()
  const { publisher, env } = await emptyStore(issuer)
  const ref = ['--persist-to', join(dir, 'r2'), '--env=']
  const listed: { key: string; file: string }[] = []
  for await (const key of publisher.documents.list?.('') ?? []) {
    const [document, file] = [await publisher.documents.get(key, 2 ** 20), join(dir, `document-${listed.length}`)]
    await writeFile(file, document?.bytes ?? '')
    listed.push({ key, file })
  }
  await writeFile(join(dir, 'documents.json'), JSON.stringify(listed))
  const put = ['r2', 'bulk', 'put', 'platte', '--filename', join(dir, 'documents.json'), '--local', ...ref]
  execFileSync(process.execPath, [wrangler, ...put], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  const inspectorPort = await freePort()
  const vars = Object.entries(env).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  const listen = ['--ip', '127.0.0.1', '--port', '0', '--inspector-port', String(inspectorPort)]
  const child = spawn(process.execPath, [wrangler, 'dev', ...listen, ...ref, ...vars], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(child, 'exit')
  try {
    const url = await readyUrl(createInterface(child.stdout))
    const inspector = await inspect(inspectorPort)
    await upload(url, file, await issuer.token())
    return inspector.stop() / 1e6
  } finally {
    child.kill()
    await ended
    issuer.close()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function readyUrl(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) {
    const url = /Ready on (http:\/\/\S+)/.exec(line)?.[1]
    if (url !== undefined) return url
  }
  throw new Error('wrangler ended without being ready')
}

/** What V8 says of the isolate: its heap, what objects outside of it take, and buffers, in bytes. */
interface HeapUsage {
  readonly totalSize: number
  readonly embedderHeapUsedSize: number
  readonly backingStorageSize: number
}

/** Asks for the memory again and again. @see https://chromedevtools.github.io/devtools-protocol/tot/Runtime/#method-getHeapUsage */
async function inspect(port: number): Promise<{ readonly stop: () => number }> {
  // It lets in whom a browser says that it is from here.
  const headers = { origin: 'http://localhost' }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers } as unknown as string[])
  await once(socket, 'open')
  let [most, answers] = [0, 0]
  socket.addEventListener('message', ({ data }) => {
    const { result } = JSON.parse(String(data)) as { readonly result?: HeapUsage }
    if (result?.totalSize === undefined) return
    answers += 1
    most = Math.max(most, result.totalSize + result.embedderHeapUsedSize + result.backingStorageSize)
  })
  let id = 0
  const timer = setInterval(
    () => socket.send(JSON.stringify({ id: ++id, method: 'Runtime.getHeapUsage' })),
    sampleEveryMs,
  )
  return {
    stop: () => {
      clearInterval(timer)
      socket.close()
      if (answers < 10) throw new Error(`the inspector answered ${answers} times`)
      return most
    },
  }
}
