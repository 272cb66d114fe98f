/**
 * Asks a server at two paths in turn and measures it from outside, for one that cannot read its own CPU time.
 * Started by checks.ts.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { askForever, checksOf, connections, stayAwake } from './asking.ts'
import { barePath, checkPath } from './bare.ts'
import { report } from './child.ts'
import { machinesOf } from './ramping.ts'
import { measureFlips } from './slices.ts'
import type { Slice } from './stats.ts'
import type { FlipVariant } from './world.ts'

const [pid = '', port = '0', variant = 'control', seconds = '10'] = process.argv.slice(2)
const machines = machinesOf(variant as FlipVariant)
const checks = { A: checksOf(variant === 'control' ? barePath : checkPath, machines), B: checksOf(barePath, machines) }
let kind: Slice['kind'] = 'A'
let count = 0
let isOver = false

for (let i = 0; i < connections; i++) {
  const next = { A: checks.A(), B: checks.B() }
  askForever(
    Number(port),
    () => (isOver ? undefined : next[kind]()),
    () => count++,
  )
}
stayAwake(() => !isOver)

const flip = (to: Slice['kind']): void => {
  kind = to
}
const found = await measureFlips({ flip, answers: () => count, spent: cpuMicros }, Number(seconds))
isOver = true
report(found)

/** Of all its threads, as Linux says it: the first number is in ns. For a thread that runs it is up to 4 ms old. */
function cpuMicros(): number {
  const tasks = `/proc/${pid}/task`
  const nanos = readdirSync(tasks).map((task) => {
    return Number(readFileSync(`${tasks}/${task}/schedstat`, 'latin1').split(' ')[0])
  })
  return nanos.reduce((sum, one) => sum + one, 0) / 1000
}
