/** `npm run soak`: 30 minutes, or `-- --seconds N`. Ends with 1 where something grew, got lost or failed. */
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { soak } from './soak.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '1800' } } })
const seconds = Number(values.seconds)
if (!(seconds >= 10 && seconds <= 86_400)) {
  process.stderr.write('error: --seconds takes a number from 10 to 86,400\n')
  process.exit(2)
}
const { load, memory, changes, problems } = await soak(seconds, (text) => process.stderr.write(`${text}\n`))
const shown = (n: number) => n.toFixed(1)
process.stdout.write(`${load.asked} checks, ${Math.round(load.rate)} a second: median ${load.p50} ms, p99 ${load.p99} ms
${changes} changes of the store, which was away for a seventh of the time
heap ${shown(memory.early.heap)} MB in the second quarter, ${shown(memory.late.heap)} MB in the last; resident ${shown(memory.early.rss)}, ${shown(memory.late.rss)} MB
load of the machine ${shown(loadavg()[0] ?? 0)}
${problems.length === 0 ? 'No error, no growth, no event lost.' : problems.join('\n')}
`)
process.exitCode = problems.length === 0 ? 0 : 1
