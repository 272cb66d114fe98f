/** How Node and Deno connect to servers that an operator names. */
import { type Transport, webTransport } from '../store/http/transport.ts'

let opened: Promise<Transport> | undefined

/** Loaded with its first request: Deno takes 10 ms for node:http, and few deployments have an upstream. */
export const transport: Transport = async (sending) => {
  opened ??= open()
  return (await opened)(sending)
}

/** Deno asks for permission to each address that node:http connects to, so names are judged there before `fetch`. */
async function open(): Promise<Transport> {
  if (!('Deno' in globalThis)) return (await import('../store/http/transport-node.ts')).nodeTransport()
  const { lookup } = await import('node:dns/promises')
  return webTransport(async (host) => (await lookup(host, { all: true })).map(({ address }) => address))
}
