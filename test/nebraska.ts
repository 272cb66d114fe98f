/**
 * A stand-in for a real Nebraska: replays the answers that were recorded of one (samples/nebraska), REST and Omaha, and
 * serves the packages that they name, on a port of this machine. What was elsewhere is not found.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { compareVersions, parseVersion } from '../src/release/version.ts'
import { serve, type TestServer } from './upstream/server.ts'

const folder = new URL('samples/nebraska/', import.meta.url)
/** What the recorded server calls itself. */
const recordedUrl = 'http://127.0.0.1:8090/'

/** A recorded request or answer, such as `server/client-frozen.response.xml`. */
export const recording = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

export const flatcar = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

/** Recorded REST answers by path. */
const restAnswers: Readonly<Record<string, string>> = {
  '/api/apps': 'apps',
  [`/api/apps/${flatcar}/groups`]: 'apps-APP-groups',
  [`/api/apps/${flatcar}/channels`]: 'apps-APP-channels',
  [`/api/apps/${flatcar}/packages`]: 'apps-APP-packages',
  '/api/channels/e06064ad-4414-4904-9a6e-fd465593d1b2/floors': 'channels-stable-amd64-usr-floors',
  '/api/channels/5dfe7b12-c94a-470d-a2b6-2eae78c5c9f5/floors': 'channels-stable-arm64-usr-floors',
}

function restAnswer(url: string, own: string): string | undefined {
  const [path = ''] = url.split('?')
  if (!Object.hasOwn(restAnswers, path)) return undefined
  return recording(`server/GET-${restAnswers[path]}.json`)
    .replaceAll(recordedUrl, own)
    .replaceAll('https://update.release.flatcar-linux.net/', `${own}elsewhere/`)
}

/** Called first. @param json the recorded REST answer, if there is one. @returns `undefined` if it did not answer. */
export type Instead = (request: IncomingMessage, response: ServerResponse, json: string | undefined) => unknown

/** An update check, as Nebraska reads it. */
export interface Asked {
  readonly track: string
  readonly version: string
  readonly board: string
  /** `many`: takes several manifests. */
  readonly syncer: 'one' | 'many' | undefined
}

/** What a test does instead of the recording. */
export interface Otherwise {
  instead?: Instead | undefined
  /** @returns the answer, or `undefined` for `text`. */
  answer?: ((asked: Asked, text: string) => string | undefined) | undefined
  /** @returns whether it answered itself. */
  file?: (path: string, request: IncomingMessage, response: ServerResponse) => boolean
}

export type Nebraska = TestServer & {
  readonly otherwise: Otherwise
  readonly asked: Asked[]
  /** Paths of the packages that were read. */
  readonly files: () => readonly string[]
}

const isBelow = (version: string, other: string): boolean =>
  compareVersions(parseVersion(version), parseVersion(other)) < 0

const attributeOf = (text: string, element: string, name: string): string =>
  new RegExp(`<${element}\\b[^>]*\\s${name}="([^"]*)"`).exec(text)?.[1] ?? ''

function askedIn(text: string): Asked {
  const of = (name: string): string => attributeOf(text, 'app', name)
  const arch = attributeOf(text, 'os', 'arch')
  const isSyncer = attributeOf(text, 'request', 'version') === 'CoreOSUpdateEngine-0.1.0.0'
  return {
    track: of('track'),
    version: of('version'),
    // Nebraska takes what it does not know for amd64.
    board: of('board') === 'arm64-usr' || arch === 'arm' ? 'arm64-usr' : 'amd64-usr',
    syncer: isSyncer ? (of('multi_manifest_ok') === 'true' ? 'many' : 'one') : undefined,
  }
}

const [floor, newest] = ['4152.2.0', '4230.2.0']

/** The name of the recorded answer; only a machine of arm64 was not recorded. */
function answerTo({ track, version, board, syncer }: Asked): string {
  const response = (name: string): string => recording(`server/${name}.response.xml`)
  if (track === 'frozen') return response('client-frozen')
  if (track !== 'stable') return response('client-unknown-group')
  if (!isBelow(version, newest)) return response('client-amd64-current')
  if (syncer === 'one') return response('syncer-legacy-arm64')
  const many = response(`syncer-multi-${board.replace('-usr', '')}`)
  // Floors that it has passed are left out.
  if (syncer === 'many') return isBelow(version, floor) ? many : many.replace(/<manifest.*?<\/manifest>/, '')
  const step = isBelow(version, floor) ? 'client-amd64-below-floor' : 'client-amd64-at-floor'
  const [own = ''] =
    new RegExp(`<manifest version="${isBelow(version, floor) ? floor : newest}".*?</manifest>`).exec(many) ?? []
  return response(step)
    .replace(/<manifest.*<\/manifest>/, own.replace(/ (is_floor|floor_reason|is_target)="[^"]*"/g, ''))
    .replaceAll('amd64-usr', board)
}

/** What the official server's website says of the newest release. */
const listPath = '/releases-json/releases-stable.json'
const inside = { architectures: ['amd64', 'arm64'], major_software: { kernel: ['6.12.102'] } }
const list = { [newest]: { ...inside, release_notes: 'Fixes CVE-2026-23231.' }, current: inside }

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Listens; close it at the end. */
export async function nebraska(otherwise: Otherwise = {}): Promise<Nebraska> {
  const asked: Asked[] = []
  const server = await serve((request, response) => void handle(request, response))
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? ''
    const json = restAnswer(path, server.url)
    if (otherwise.instead?.(request, response, json) !== undefined) return
    if (json) return void response.writeHead(200, { 'Content-Type': 'application/json' }).end(json)
    if (request.method === 'POST' && /^\/v1\/update\/?$/.test(path)) {
      const one = askedIn(await bodyOf(request))
      asked.push(one)
      const text = answerTo(one).replaceAll(recordedUrl, server.url)
      return void response.writeHead(200, { 'Content-Type': 'text/xml' }).end(otherwise.answer?.(one, text) ?? text)
    }
    if (otherwise.file?.(path, request, response)) return
    if (path === listPath) return void response.end(JSON.stringify(list))
    try {
      const bytes = readFileSync(new URL(`files${path}`, folder))
      response.writeHead(200, { 'Content-Length': bytes.length })
      response.end(request.method === 'HEAD' ? undefined : bytes)
    } catch {
      response.writeHead(404).end()
    }
  }
  const files = () => server.seen.filter(({ method }) => method === 'GET').map(({ path }) => path)
  return { ...server, otherwise, asked, files }
}
