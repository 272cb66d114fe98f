/** How Node and Deno connect to servers that an operator names. */
import { lookup } from 'node:dns/promises'
import { type Transport, webTransport } from '../store/http/transport.ts'
import { nodeTransport } from '../store/http/transport-node.ts'

/** Deno asks for permission to each address that node:http connects to, so names are judged there before `fetch`. */
export const transport: Transport =
  'Deno' in globalThis
    ? webTransport(async (host) => (await lookup(host, { all: true })).map(({ address }) => address))
    : nodeTransport()
