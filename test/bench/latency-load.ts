/**
 * Asks at two paths in turn, at half the rate that the bare handler answers at most. Requests are due at random instants, as those
 * of machines that know nothing of each other, and are measured from then: a server that falls behind cannot hide it.
 * Started by latency.ts.
 */
import { setImmediate } from 'node:timers/promises'
import { askForever, checksOf } from './asking.ts'
import { barePath, checkPath } from './bare.ts'
import { report } from './child.ts'
import { generator } from './stats.ts'

/** Of one kind in each slice, in ms. `control` is the bare handler again. */
export interface Latencies {
  readonly full: number[][]
  readonly bare: number[][]
  readonly control: number[][]
  /** Requests a second. */
  readonly rate: number
}

type Kind = 'full' | 'bare' | 'control'

interface Due {
  readonly kind: Kind
  readonly at: number
}

/** Connections: more than are busy below saturation. */
const [port = 0, seconds = 4, connections = 64] = process.argv.slice(2).map(Number)
const load = 0.5
const sliceMs = 200
const random = generator(1)

const waiting: Due[] = []
const idle: (() => void)[] = []
let took: number[] = []
let [posted, answered] = [0, 0]
const isBusy = (): boolean => waiting.length > 0 || answered < posted

for (let i = 0; i < connections; i++) {
  const [full, bare] = [checksOf(checkPath, 1)(), checksOf(barePath, 1)()]
  let asked: Due | undefined
  const next = (): Buffer | undefined => {
    asked = waiting.shift()
    posted++
    return asked?.kind === 'full' ? full() : bare()
  }
  const onAnswer = (): void => {
    answered++
    took.push(performance.now() - (asked?.at ?? Number.NaN))
  }
  askForever(port, next, onAnswer, (post) => idle.push(post))
}

/** A connection that the server closed posts nothing: the next one does. */
function postWaiting(): void {
  while (waiting.length > 0 && idle.length > 0) idle.shift()?.()
}

/** All connections ask all the time; ends when all is answered. @returns answers a ms. */
async function saturate(kinds: readonly Kind[], ms: number): Promise<number> {
  const [before, began] = [answered, performance.now()]
  for (let turn = 0; performance.now() < began + ms; ) {
    for (; waiting.length < idle.length; turn++)
      waiting.push({ kind: kinds[turn % kinds.length] ?? 'bare', at: performance.now() })
    postWaiting()
    await setImmediate()
  }
  const rate = (answered - before) / (performance.now() - began)
  for (; isBusy(); await setImmediate()) postWaiting()
  return rate
}

/** Ends when all is answered. @returns how long each took. */
async function ask(kind: Kind, rate: number): Promise<number[]> {
  const end = performance.now() + sliceMs
  took = []
  for (let at = performance.now(); at < end || isBusy(); await setImmediate()) {
    for (const now = performance.now(); at <= now && at < end; at -= Math.log(1 - random()) / rate)
      waiting.push({ kind, at })
    postWaiting()
  }
  return took
}

await saturate(['full', 'bare'], 500 * seconds)
const rate = load * (await saturate(['bare'], 125 * seconds))
await ask('bare', rate)
const found: Latencies = { full: [], bare: [], control: [], rate: 1000 * rate }
for (const end = performance.now() + 1000 * seconds; performance.now() < end; )
  for (const kind of ['full', 'bare', 'control'] as const) found[kind].push(await ask(kind, rate))
report(found)
