/**
 * Scenes: text files of HTTP requests and the answers that they get, the same on every runtime.
 *
 *     # What this is about, in plain words.
 *     @folder = /packages/…
 *
 *     ### A step
 *     POST /v1/update/
 *     Content-Type: text/xml
 *
 *     the body, or `< full-update-01` for that captured body (`< gzip full-update-01`: compressed)
 *
 *     --- 200, 405 bytes
 *     content-type: text/xml; charset=utf-8
 *
 *     the body; where it is long or no text, its digest
 *
 * `{{folder}}` stands for a value from the head, `{{text * 20}}` for 20 times that text with `#` counted from 0.
 * `{{run}}` is another word each time that the scene plays, so that it may be played twice against one store. The first
 * `modifiedIndex` that is answered is written as `{{index}}`, and others as they differ from it: `{{index + 2}}`.
 * A request has Content-Length, unless it names Transfer-Encoding. In answers, instants are written as `{{instant}}`, days as
 * `{{day}}`, and what is signed (with new keys each time) as `(signed)`, its tag as `{{sha256}}` where that is right.
 * `UPDATE=1` writes the answers anew. The scenes in `elsewhere/` play against an instance with PLATTE_PACKAGES_URL.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { bodyOf } from '../protocol/samples.ts'

/** What is sent, byte for byte as a client would. */
interface SceneRequest {
  readonly method: string
  /** As it stands in the request line, never normalised. */
  readonly path: string
  /** By their names as written; with Content-Length or Transfer-Encoding where there is a body. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer> | undefined
}

interface SceneResponse {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly body: Uint8Array
}

/** One way to reach an endpoint. */
export type Send = (request: SceneRequest) => Promise<SceneResponse>

/** Headers that are part of an answer wherever they are there; others are the runtime's own. */
const chosen = [
  'accept-ranges',
  'allow',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'etag',
  'location',
  'vary',
  'www-authenticate',
  'x-etcd-index',
  'x-content-type-options',
]
/** Longer bodies are digested. */
const showAtMostBytes = 2048

const folder = new URL('./', import.meta.url)

const namesIn = (ref: string): readonly string[] =>
  readdirSync(new URL(ref, folder))
    .filter((name) => name.endsWith('.http'))
    .map((name) => ref + name.replace(/\.http$/, ''))

export const sceneNames = namesIn('')
/** For an instance that redirects to `packagesUrl` of fixture.ts. */
export const elsewhereNames = namesIn('elsewhere/')

export interface PlayOptions {
  /** Whether `UPDATE=1` writes the file. */
  readonly rewrite?: boolean
  /** Which requests cannot be sent this way. */
  readonly leaves?: (request: SceneRequest) => boolean
}

/** Plays a scene, and compares the whole of it with the file. */
export async function playScene(name: string, send: Send, options: PlayOptions = {}): Promise<void> {
  const { rewrite = false, leaves = () => false } = options
  const file = new URL(`${name}.http`, folder)
  const text = readFileSync(file, 'utf8')
  const [head = '', ...steps] = text.split(/^(?=### )/m)
  const run = randomUUID().slice(0, 8)
  const variables = new Map([...head.matchAll(/^@(\w+) = (.*)$/gm)].map(([, key = '', value = '']) => [key, value]))
  variables.set('run', run)
  const played = [head.trim()]
  for (const step of steps) {
    const asked = step.split(/^--- /m)[0]?.trim() ?? ''
    const request = parseRequest(asked, variables)
    if (leaves(request)) {
      played.push(step.trim())
      continue
    }
    const response = await send(request)
    expect(response.header('x-request-id')).toMatch(/^[\w.=-]{1,128}$/)
    const answer = render(response).replaceAll(run, '{{run}}')
    const index = /"modifiedIndex":(\d{13})/.exec(answer)?.[1]
    if (index !== undefined && !variables.has('index')) variables.set('index', index)
    played.push(`${asked}\n\n${withIndexes(answer, Number(variables.get('index')))}`)
  }
  const got = `${played.join('\n\n')}\n`
  if (rewrite && process.env.UPDATE) writeFileSync(file, got)
  else expect(got).toBe(text)
}

/** @param first the number that others are written relative to; NaN before there is one. */
const withIndexes = (answer: string, first: number): string =>
  answer.replace(/"createdIndex":\d{13}/g, '"createdIndex":{{created}}').replace(/(?<!\d)\d{13}(?!\d)/g, (number) => {
    const further = Number(number) - first
    return Math.abs(further) < 1000 ? `{{index${further === 0 ? '' : ` + ${further}`}}}` : number
  })

function parseRequest(request: string, variables: ReadonlyMap<string, string>): SceneRequest {
  const [, line = '', ...rest] = request.split('\n')
  const [method = '', path = ''] = expand(line, variables).split(' ')
  const blank = rest.indexOf('')
  const written = blank < 0 ? rest : rest.slice(0, blank)
  const body = blank < 0 ? undefined : parseBody(rest.slice(blank + 1).join('\n'), variables)
  const headers = Object.fromEntries(written.map((one) => expand(one, variables).split(/: */, 2)))
  if (method !== 'POST' && body === undefined) return { method, path, headers, body }
  const framing = 'Transfer-Encoding' in headers ? {} : { 'Content-Length': String(body?.length ?? 0) }
  return { method, path, headers: { ...headers, ...framing }, body }
}

function parseBody(text: string, variables: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  const [, gzip, sample] = /^< (gzip )?(\S+)$/.exec(text) ?? []
  const bytes = new TextEncoder().encode(sample === undefined ? expand(text, variables) : bodyOf(sample))
  if (bytes.length === 0) throw new Error(`${text}: there is no such body`)
  return gzip === undefined ? bytes : new Uint8Array(gzipSync(bytes))
}

const expand = (text: string, variables: ReadonlyMap<string, string>): string =>
  text.replace(/\{\{(.*?)(?: \* (\d+))?\}\}/g, (_, one: string, count?: string) => {
    if (count !== undefined) return Array.from({ length: Number(count) }, (_, i) => one.replace('#', `${i}`)).join('')
    const [, further] = /^index \+ (\d+)$/.exec(one) ?? []
    if (further !== undefined) return String(Number(variables.get('index')) + Number(further))
    const value = variables.get(one)
    if (value === undefined) throw new Error(`{{${one}}} is not in the head`)
    return value
  })

function render({ status, header, body }: SceneResponse): string {
  const isSigned = header('content-type') === 'application/jose+json'
  const headers = chosen.flatMap((name) => {
    const value = header(name)
    if (value === undefined) return []
    return [`${name}: ${isSigned && name === 'etag' ? renderTag(value, body) : value}\n`]
  })
  // The only answers whose length a client must be told, whatever the runtime does with the others.
  if (header('accept-ranges') && status < 300) headers.push(`content-length: ${header('content-length')}\n`)
  const shown = body.length === 0 ? '' : `\n${isSigned ? '(signed)' : renderBody(body)}`
  return `--- ${status}, ${body.length} bytes\n${headers.join('')}${shown}`.trimEnd()
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** @param body empty for HEAD and 304, which leave nothing to compare with. */
const renderTag = (tag: string, body: Uint8Array): string =>
  tag.replace(/^"[0-9a-f]{64}"$/, (it) => (body.length === 0 || it === `"${sha256(body)}"` ? '"{{sha256}}"' : it))

function renderBody(body: Uint8Array): string {
  const text = new TextDecoder().decode(body)
  if (body.length > showAtMostBytes || /[^\n -~]/.test(text)) return `(sha256 ${sha256(body)})`
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '{{instant}}')
    .replace(/(elapsed_days"?[:=]"?)\d{4}/, '$1{{day}}')
}
