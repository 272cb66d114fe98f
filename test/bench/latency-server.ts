/** Answers with Platte at one path, with the bare handler at the other. Runs on Node and on Deno, started by latency.ts. */
import { openChecks } from '../../src/checks/answer.ts'
import { bareApp, barePath } from './bare.ts'
import { report } from './child.ts'
import { answersOf, storeOf } from './ramping.ts'
import { openRuntime } from './serving-runtime.ts'
import { answeringFrom, handlerOf, serving } from './world.ts'

const { listen, log } = await openRuntime()
const publisher = { ...(await storeOf('no-update')), log }
const full = handlerOf(publisher)
const bare = bareApp(await answersOf(full, 'no-update'), barePath)
const checks = openChecks(serving(answeringFrom(publisher)))
const { url } = await listen({ host: '127.0.0.1', port: 0 }, () => ({
  fetch: (request) => (request.url.endsWith(barePath) ? bare.fetch(request) : full(request)),
  checks,
}))
report({ port: Number(new URL(url).port) })
