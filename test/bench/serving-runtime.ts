/** What serves and logs on the runtime of this process, for servers that run on Node and on Deno. */
import { stdout } from 'node:process'
import { jsonLog } from '../../src/kernel/json-log.ts'

export const openRuntime = () => ('Deno' in globalThis ? onDeno() : onNode())

async function onNode() {
  const { jsonLogTo, listen } = await import('../../src/runtime/node.ts')
  return { listen, log: jsonLogTo(stdout) }
}

async function onDeno() {
  const { listen, writeAll } = await import('../../src/runtime/deno.ts')
  return { listen, log: jsonLog(writeAll) }
}
