/**
 * Runs the commands on stdin (JSON lists of words) one after another in this process, because each would take longer to
 * start than to fail. Prints what came of each as a line of JSON.
 */
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { run } from '../../src/cli/run.ts'

export interface Ran {
  readonly words: readonly string[]
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

const write = process.stdout.write.bind(process.stdout)
const lists: readonly (readonly string[])[] = JSON.parse(await text(process.stdin))
let [stdout, stderr] = ['', '']
process.stdout.write = (part: string | Uint8Array) => {
  stdout += part
  return true
}
process.stderr.write = (part: string | Uint8Array) => {
  stderr += part
  return true
}
process.on('uncaughtException', (error) => {
  stderr += `a defect outside of the command: ${error.stack}`
})
for (const words of lists) {
  ;[stdout, stderr] = ['', '']
  process.exitCode = undefined
  const isDone = await Promise.race([run(words).then(() => true), setTimeout(20_000, false, { ref: true })])
  if (!isDone) stderr += 'a defect: it does not end'
  write(`${JSON.stringify({ words, exitCode: Number(process.exitCode ?? 0), stdout, stderr } satisfies Ran)}\n`)
}
process.exit(0)
