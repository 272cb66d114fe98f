/** One server that flips between two handlers, and counts what each of them answers. Runs on Node and on Deno, started by checks.ts. */
import type { Server } from 'node:http'
import { openChecks } from '../../src/checks/answer.ts'
import { bareApp, type Handler } from './bare.ts'
import { report } from './child.ts'
import { cpu, openHeapMeter } from './meters.ts'
import { answersOf, storeOf } from './ramping.ts'
import { answerRaw } from './raw-node.ts'
import { openRuntime } from './serving-runtime.ts'
import { measureAnswers, measureFlips } from './slices.ts'
import type { Slice } from './stats.ts'
import { answeringFrom, type FlipVariant, handlerOf, serving } from './world.ts'

const [name = 'control', seconds = '10', against = 'Hono', measured = 'cpu'] = process.argv.slice(2)
const variant = name as FlipVariant
const { listen, log } = await openRuntime()
const publisher = { ...(await storeOf(variant)), log }
const full = handlerOf(publisher)
const answers = await answersOf(full, variant)
const bare = bareApp(answers).fetch as Handler
const handlers = { A: variant === 'control' ? bare : full, B: bare }
let kind: Slice['kind'] = 'A'
let count = 0

const isFull = (): boolean => kind === 'A' && variant !== 'control'
const core = openChecks(serving(answeringFrom(publisher)))
const running = await listen({ host: '127.0.0.1', port: 0 }, () => ({
  fetch: (request) => {
    count++
    return handlers[kind](request)
  },
  get checks() {
    if (isFull()) count++
    return isFull() ? core : undefined
  },
}))
const isRaw = (): boolean => {
  if (kind === 'B') count++
  return kind === 'B'
}
if (against === 'node:http' && 'server' in running) answerRaw(running.server as Server, answers, isRaw)
report({ port: Number(new URL(running.url).port) })
const { start, spent } = measured === 'heap' ? await openHeapMeter() : cpu
const flip = (to: Slice['kind']): void => {
  kind = to
  start()
}
const flipping = { flip, answers: () => count, spent }
report(
  await (measured === 'heap'
    ? measureAnswers(flipping, 10 * Number(seconds))
    : measureFlips(flipping, Number(seconds))),
)
