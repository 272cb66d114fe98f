/** A proxy that passes requests on and drops one answer in six, or what follows its first half: the connection ends. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { seeded } from '../world.ts'

export interface LossyProxy {
  readonly url: string
  dropped(): number
  close(): void
}

/** @param from the address that the server sees. */
export async function startLossyProxy(target: string, seed: number, from = '127.0.0.1'): Promise<LossyProxy> {
  const random = seeded(seed)
  const { hostname, port } = new URL(target)
  let dropped = 0
  const server = createServer((client) => {
    const upstream = connect({ port: Number(port), host: hostname, localAddress: from })
    let isLost = false
    client.on('data', (bytes) => {
      isLost = random() < 1 / 6
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (!isLost) client.write(bytes)
      else {
        dropped += 1
        client.end(bytes.subarray(0, random() < 0.5 ? 0 : bytes.length / 2))
        upstream.destroy()
      }
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('close', () => other.destroySoon())
      one.on('error', () => other.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  return { url, dropped: () => dropped, close: () => void server.close() }
}
