/**
 * A Nebraska 3 that was recorded, over real sockets: its REST answers, its answers to recorded Omaha requests, and the
 * files that they name. The URLs in them lead to this server; what was elsewhere is not found.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { serve, type TestServer } from './upstream/server.ts'

const folder = new URL('samples/nebraska/', import.meta.url)
const read = (name: string): Buffer => readFileSync(new URL(name, folder))

export const flatcar = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const [stableAmd64, stableArm64] = ['e06064ad-4414-4904-9a6e-fd465593d1b2', '5dfe7b12-c94a-470d-a2b6-2eae78c5c9f5']

/** Recorded REST answers by path. */
const rest: Readonly<Record<string, string>> = {
  '/api/apps': 'GET-apps.json',
  [`/api/apps/${flatcar}/groups`]: 'GET-apps-APP-groups.json',
  [`/api/apps/${flatcar}/channels`]: 'GET-apps-APP-channels.json',
  [`/api/apps/${flatcar}/packages`]: 'GET-apps-APP-packages.json',
  [`/api/channels/${stableAmd64}/floors`]: 'GET-channels-stable-amd64-usr-floors.json',
  [`/api/channels/${stableArm64}/floors`]: 'GET-channels-stable-arm64-usr-floors.json',
}

export const recorded = (name: string): string => read(`server/${name}`).toString()

/** Names of recorded Omaha requests, such as `client-frozen`. */
const requests: readonly string[] = readdirSync(new URL('server', folder))
  .filter((name) => name.endsWith('.request.xml'))
  .map((name) => name.replace('.request.xml', ''))

/** What a test lets it answer instead; `undefined`: as recorded. */
export type Instead = (request: IncomingMessage, response: ServerResponse, asRecorded: string | undefined) => unknown

/** @param instead is called first; any value but `undefined` says that it answered. */
export function startNebraska(instead: Instead = () => undefined): Promise<TestServer> {
  const own = (text: string, url: string): string =>
    text
      .replaceAll('http://127.0.0.1:8090/', url)
      .replaceAll('https://update.release.flatcar-linux.net/', `${url}elsewhere/`)
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const [path = ''] = (request.url ?? '').split('?')
    const url = `http://${request.headers.host}/`
    const name = Object.hasOwn(rest, path) ? rest[path] : undefined
    const json = name && own(recorded(name), url)
    if (instead(request, response, json) !== undefined) return
    if (json) return response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8' }).end(json)
    if (path === '/v1/update/' || path === '/v1/update') {
      const body = await text(request)
      const asked = requests.find((one) => recorded(`${one}.request.xml`) === body)
      if (asked === undefined) return response.writeHead(400).end()
      return response.writeHead(200, { 'content-type': 'text/xml' }).end(own(recorded(`${asked}.response.xml`), url))
    }
    if (!/^\/(?:amd64|arm64)-usr\/[\w.]+\/[\w.-]+$/.test(path)) return response.writeHead(404).end()
    const bytes = read(`files${path}`)
    response.writeHead(200, { 'content-length': bytes.length, 'content-type': 'application/gzip' })
    return response.end(request.method === 'HEAD' ? undefined : bytes)
  }
  return serve((request, response) => void answer(request, response).catch(() => response.writeHead(500).end()))
}
