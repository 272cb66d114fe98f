/** One server that flips between two handlers every 100 ms, and counts what each of them answers. Started by checks.ts. */
import { Hono } from 'hono'
import { createApp } from '../../src/http/app.ts'
import { jsonLogTo, listen } from '../../src/runtime/node.ts'
import { report } from './child.ts'
import type { Slice } from './stats.ts'
import { answeringFrom, newStore, release, request, runningVersion, serving } from './world.ts'

/** What is measured against the bare handler: Platte with or without an update to offer, or another bare handler. */
export type FlipVariant = 'no-update' | 'update' | 'control'

export interface FlipReport {
  readonly slices: readonly Slice[]
  /** CPU time of this process over the time that passed: near 1 where the client is not the bottleneck. */
  readonly cpuShare: number
}

const sliceMs = 100
/** Not counted at the start of a slice: requests of the slice before are still being answered. */
const edgeMs = 10
/** Both handlers are compiled by the machine's best compiler after so many requests, or after so long. */
const warmUp = { requests: 60_000, ms: 20_000 }

type Fetch = (request: Request) => Response | Promise<Response>

const [variant = 'control', seconds = '10'] = process.argv.slice(2)
const full = await makeFull(variant)
const answer = await full(post())
const bare = makeBare(await answer.text(), Object.fromEntries(answer.headers))
const handlers = { A: variant === 'control' ? bare : full, B: bare }
let kind: Slice['kind'] = 'A'
let count = 0

const { url } = await listen({ host: '127.0.0.1', port: 0 }, () => ({
  fetch: (request) => {
    count++
    return handlers[kind](request)
  },
}))
report({ port: Number(new URL(url).port) })
await run(warmUp.ms, warmUp.requests)
const [began, usage] = [performance.now(), process.cpuUsage()]
const slices = await run(Number(seconds) * 1000)
const { user, system } = process.cpuUsage(usage)
report({ slices, cpuShare: (user + system) / 1000 / (performance.now() - began) } satisfies FlipReport)

/** As startServer does it; the log goes to stdout. */
async function makeFull(variant: string): Promise<Fetch> {
  const releases = [...(variant === 'update' ? [release('4593.2.0')] : []), release(runningVersion)]
  const publishing = { ...(await newStore(new Map([['beta', releases]]))), log: jsonLogTo(process.stdout) }
  return createApp(serving(answeringFrom(publishing))).fetch as Fetch
}

/** The least that a Hono handler can do for the same headers and bytes in and out. */
function makeBare(answer: string, headers: Record<string, string>): Fetch {
  const app = new Hono().post('/v1/update/', async (c) => {
    await c.req.text()
    return new Response(answer, { headers })
  })
  return app.fetch as Fetch
}

function post(): Request {
  const headers = { 'content-length': String(request.length) }
  return new Request('http://127.0.0.1/v1/update/', { method: 'POST', body: request, headers })
}

async function run(lengthMs: number, requests = Number.POSITIVE_INFINITY): Promise<Slice[]> {
  const slices: Slice[] = []
  for (const end = performance.now() + lengthMs; performance.now() < end && count < requests; ) {
    kind = kind === 'A' ? 'B' : 'A'
    await after(edgeMs)
    const [before, usage] = [count, process.cpuUsage()]
    await after(sliceMs - edgeMs)
    const { user, system } = process.cpuUsage(usage)
    slices.push({ kind, rate: ((count - before) * 1e6) / (user + system) })
  }
  return slices
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
