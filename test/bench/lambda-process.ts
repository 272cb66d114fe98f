/** One environment of Lambda that answers one event, or the same for some seconds. Started by starts.ts and million.ts. */
import { report } from './child.ts'

const [file = '', event = '', seconds = '0'] = process.argv.slice(2)
const { handler } = await import(file)
report(await handler(JSON.parse(event)))

if (Number(seconds) > 0) {
  await answerFor(Number(seconds) / 2)
  report({ micros: await answerFor(Number(seconds)) })
}

/** @returns µs of CPU an event. */
async function answerFor(length: number): Promise<number> {
  const [before, end] = [process.cpuUsage(), performance.now() + length * 1000]
  let turns = 0
  for (; performance.now() < end; turns++) await handler(JSON.parse(event))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / turns
}
