/** Asks at a part of what a server can answer: that is measured first. Started by soak.ts. */
import { createHistogram } from 'node:perf_hooks'
import { askForever, checksOf, connections } from './asking.ts'
import { checkPath } from './bare.ts'
import { report } from './child.ts'

const [port = 0, seconds = 20, share = 0.8] = process.argv.slice(2).map(Number)
const machines = 100_000
const measureMs = Math.min(5, seconds / 5) * 1000
const tickMs = 5

const began = performance.now()
const checks = checksOf(checkPath, machines)
const latency = createHistogram()
const idle: (() => void)[] = []
let [asked, answered, paced] = [0, 0, 0]
let rate = Number.POSITIVE_INFINITY
let isOver = false

const wait = (post: () => void): void => {
  if (rate === Number.POSITIVE_INFINITY || isOver) post()
  else idle.push(post)
}
for (let i = 0; i < connections; i++) {
  const next = checks()
  let at = 0
  const post = () => {
    if (isOver) return undefined
    asked++
    at = performance.now()
    return next()
  }
  const onAnswer = () => {
    answered++
    if (rate < Number.POSITIVE_INFINITY) latency.record(Math.max(1, Math.round((performance.now() - at) * 1000)))
  }
  askForever(port, post, onAnswer, wait)
}

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
await after(measureMs / 2)
const [before, from] = [answered, performance.now()]
await after(measureMs / 2)
rate = (share * (answered - before)) / (performance.now() - from)
const start = performance.now()
while (performance.now() - began < seconds * 1000) {
  await after(tickMs)
  const due = Math.floor((performance.now() - start) * rate)
  for (; paced < due && idle.length > 0; paced++) idle.shift()?.()
  // In turn: a server ends connections that rest for 5 seconds. What could not be asked in time is not made up for.
  paced = due
}
isOver = true
for (const post of idle.splice(0)) post()
while (answered < asked) await after(tickMs)
const [p50, p99] = [50, 99].map((part) => latency.percentile(part) / 1000)
report({ asked, rate: rate * 1000, p50, p99 })
