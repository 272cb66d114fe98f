/** How long it takes from nothing to the first answered check, against a bare Hono handler on the same runtime. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { systemClock } from '../../src/kernel/clock.ts'
import { parseStore } from '../../src/runtime/own-settings.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { doors } from '../lambda/doors.ts'
import { memoryDocuments } from '../memory.ts'
import { denoBinary } from '../runtimes/start-deno.ts'
import { startS3 } from '../s3/server.ts'
import { type Answer, checkPath } from './bare.ts'
import { bundleCli, bundleDeno, bundleLambda } from './bundle.ts'
import { startChild } from './child.ts'
import { builtCli, builtLambda, builtWorker } from './made-once.ts'
import { atMost, type Row } from './row.ts'
import { estimate, median } from './stats.ts'
import { makeWorker } from './workerd.ts'
import { answerFrom, newStore, releasesOf, request, settingsOf } from './world.ts'

const mostTimes = 1.3

/** Starts, and resolves with the answer to a first check; `stop` is not measured. */
type Start = () => Promise<{ readonly answer: string; readonly stop: () => Promise<unknown> }>

interface Contest {
  readonly full: Start
  readonly bare: Start
  /** What both answer. */
  readonly answer: Answer
  readonly close: () => Promise<unknown>
}

export const startRows: readonly Row[] = [
  startRow('Node', onNode),
  startRow('Deno', onDeno),
  startRow('workerd', onWorkerd),
  startRow('Lambda', onLambda),
]

function startRow(runtime: string, make: (dir: string) => Promise<Contest>): Row {
  const name = `start ${runtime}`
  return {
    name,
    isLong: runtime !== 'Node',
    run: async ({ pairs }) => {
      const dir = await mkdtemp(join(tmpdir(), 'platte-bench-'))
      try {
        const contest = await make(dir)
        const taken = await race(contest, 3 * pairs).finally(contest.close)
        const { value: ratio, low, high } = estimate(taken.map(({ full, bare }) => full / bare))
        const value = median(taken.map(({ full }) => full))
        return [{ name, value, unit: 'ms', ratio, low, high, against: 'bare Hono', goal: atMost(ratio, mostTimes) }]
      } finally {
        await rm(dir, { recursive: true, force: true })
      }
    },
  }
}

/** The first pair fills caches of compiled code, and does not count. */
async function race({ full, bare, answer }: Contest, pairs: number) {
  const taken: { readonly full: number; readonly bare: number }[] = []
  for (let i = 0; i <= pairs; i++)
    taken.push({ full: await millisOf(full, answer), bare: await millisOf(bare, answer) })
  return taken.slice(1)
}

async function millisOf(start: Start, { text }: Answer): Promise<number> {
  const began = performance.now()
  const { answer, stop } = await start()
  const took = performance.now() - began
  await stop()
  if (answer !== text) throw new Error(`another answer was expected: ${answer}`)
  return took
}

async function folderStore(dir: string) {
  const store = join(dir, 'store')
  await mkdir(store)
  const publisher = await newStore(releasesOf('update'), { documents: folderDocuments(store, { clock: systemClock }) })
  const answer = await answerFrom(publisher)
  const env = { PATH: process.env.PATH, PORT: '0', PLATTE_STORE: `file:${store}`, ...settingsOf(publisher) }
  return { answer, env: { ...env, ANSWERS: JSON.stringify([answer]) } }
}

/** Both as Platte is installed. */
async function onNode(dir: string): Promise<Contest> {
  const { answer, env } = await folderStore(dir)
  const [full, bare] = [await builtCli(), bundleCli(join(dir, 'bare'), 'bare-node.ts')]
  const node = (...args: readonly string[]) => servedBy(process.execPath, args, env)
  return { full: node(full, 'serve'), bare: node(bare), answer, close: async () => {} }
}

/** Both as Platte is installed, and compiled before. */
async function onDeno(dir: string): Promise<Contest> {
  const { answer, env } = await folderStore(dir)
  const flags = ['run', '--allow-all', '--no-prompt', '--cached-only', '--no-lock']
  const deno = (file: string) => servedBy(denoBinary, [...flags, file], { ...env, DENO_DIR: join(dir, 'deno') })
  const [full, bare] = [bundleDeno(join(dir, 'full')), bundleDeno(join(dir, 'bare'), 'bare-deno.ts')]
  return { full: deno(full), bare: deno(bare), answer, close: async () => {} }
}

/** A process that says where it listens. */
function servedBy(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Start {
  return async () => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = once(child, 'exit')
    const url = await new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        createInterface(stream).on('line', (line) => {
          const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? []
          if (found) resolve(found)
        })
      ended.then(() => reject(new Error(`${args.join(' ')} ended early`)), reject)
    })
    const stop = async () => {
      child.kill('SIGKILL')
      await ended
    }
    return { answer: await post(url), stop }
  }
}

function post(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'text/xml', 'Content-Length': request.length }
    httpRequest(`${url}${checkPath}`, { method: 'POST', headers, agent: false }, (response) => resolve(text(response)))
      .on('error', reject)
      .end(request)
  })
}

async function onWorkerd(): Promise<Contest> {
  const documents = memoryDocuments()
  const publisher = await newStore(releasesOf('update'), { documents })
  const answer = await answerFrom(publisher)
  const texts = { ...settingsOf(publisher), ANSWERS: JSON.stringify([answer]) }
  const make = async (entry?: string) =>
    makeWorker({ bundle: await builtWorker(entry), texts, documents, stdout: 'ignore' })
  const [full, bare] = [await make(), await make('bare-worker.ts')]
  const served = (worker: typeof full) => async () => {
    const { port, stop } = await worker.start()
    return { answer: await post(`http://127.0.0.1:${port}`), stop }
  }
  const close = () => Promise.all([full.close(), bare.close()])
  return { full: served(full), bare: served(bare), answer, close }
}

/** Built as they are deployed, and called by a small process as Lambda's own would. */
async function onLambda(dir: string): Promise<Contest> {
  const { env, event, answer, close } = await openLambda()
  const [full, bare] = [await builtLambda(), bundleLambda(join(dir, 'bare'), 'bare-lambda.ts')]
  return { full: calledBy(full, event, env), bare: calledBy(bare, event, env), answer, close }
}

/** A bucket with an update, and the event of a check. */
export async function openLambda() {
  const s3 = await startS3()
  const ref = parseStore(s3.setting)
  const prefix = 'prefix' in ref ? ref.prefix : ''
  const documents = memoryDocuments()
  const publisher = await newStore(releasesOf('update'), { documents })
  for await (const key of documents.list?.('') ?? []) {
    const found = await documents.get(key, 2 ** 20)
    if (found) s3.bucket.put(prefix + key, found.bytes, { ifMatch: undefined, ifNoneMatch: undefined })
  }
  const answer = await answerFrom(publisher)
  const env = { ...s3.env, PLATTE_STORE: s3.setting, ...settingsOf(publisher), ANSWERS: JSON.stringify([answer]) }
  const headers = { 'Content-Type': 'text/xml' }
  const asked = { method: 'POST', path: checkPath, headers, body: Buffer.from(request) }
  const event = JSON.stringify(doors['function URL'](asked))
  return { env, event, answer, close: () => s3.close() }
}

function calledBy(file: string, event: string, env: NodeJS.ProcessEnv): Start {
  return async () => {
    const child = startChild('lambda-process.ts', [file, event], { env })
    const { body } = await child.next<{ readonly body: string }>()
    return { answer: body, stop: () => child.stop() }
  }
}
