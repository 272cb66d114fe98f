/** Reads what an Omaha server answers to an update check: strictly, within bounds, by values that Platte itself may sign. */
import * as v from 'valibot'
import { scanXml } from '../../checks/omaha/xml-scanner.ts'
import { codebase } from '../../documents/board.ts'
import * as field from '../../documents/fields.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { visible } from '../../kernel/format.ts'
import { defined } from '../../kernel/json.ts'
import type { OfferedPackage } from '../offer.ts'

/** go-omaha reads as much. */
export const maxAnswerBytes = 1024 * 1024
/** 64 releases with 26 packages each have 4,000 tags and 8,500 attributes. */
const answer = { name: 'the answer', maxMarkup: 8192, maxAttributes: 16_384 }
const maxManifests = 64
/** In bytes. */
const maxPackageSize = 16 * 1024 ** 3

/** One `<manifest>`. */
export interface AnsweredManifest {
  readonly version: string
  /** Why machines must pass through it, if it is a floor. */
  readonly floor: string | undefined
  readonly isTarget: boolean
  /** The OS package first. */
  readonly packages: readonly [OfferedPackage, ...OfferedPackage[]]
}

export interface OmahaAnswer {
  /** As the server calls itself. */
  readonly server: string
  /** The status of the app, or of its update check: `ok`, `noupdate` or `error-…`. */
  readonly status: string
  readonly codebases: readonly string[]
  readonly manifests: readonly AnsweredManifest[]
}

/** Reads a digest in base64 (Omaha's form) or in hex. @param bytes its length. @returns lower-case hex. */
const digest = (bytes: number, name: string) =>
  v.pipe(
    v.string(),
    v.transform((text) => (/^[0-9a-fA-F]+$/.test(text) && text.length === 2 * bytes ? text : hexOfBase64(text))),
    v.transform((text) => text.toLowerCase()),
    v.regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `must be a ${name} in base64 or hex`),
  )
const sha256 = digest(32, 'SHA-256')

function hexOfBase64(text: string): string {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes.toString('hex') : ''
}

const size = v.pipe(
  field.matching(/^[1-9]\d{0,14}$/, 'must be a number of bytes'),
  v.transform(Number),
  v.maxValue(maxPackageSize, `must be at most ${maxPackageSize} bytes`),
)
const onePackage = v.object({
  name: field.packageName,
  size,
  hash: v.exactOptional(digest(20, 'SHA-1')),
  hash_sha256: v.exactOptional(sha256),
})
/** update_engine adds the "/" that is missing. */
const baseUrl = v.pipe(
  v.string(),
  v.transform((url) => (url.endsWith('/') ? url : `${url}/`)),
  codebase,
)
const isTrue = v.exactOptional(v.string())
const manifest = v.object({
  version: field.publishedVersion,
  is_floor: isTrue,
  floor_reason: v.exactOptional(v.string()),
  is_target: isTrue,
  packages: v.pipe(
    v.tupleWithRest([onePackage], onePackage),
    v.maxLength(64),
    v.check((list) => field.areDistinct(list.map(({ name }) => name)), 'names a package twice'),
  ),
  action: v.exactOptional(v.object({ sha256: v.exactOptional(sha256), IsDeltaPayload: isTrue })),
})
const schema = v.object({
  server: v.exactOptional(v.string()),
  status: v.pipe(v.string(), v.maxLength(100)),
  codebases: v.pipe(v.array(baseUrl), v.maxLength(10)),
  manifests: v.array(manifest),
})

type Attributes = Readonly<Record<string, string>>
interface Draft {
  server: string | undefined
  apps: Attributes[]
  status: string | undefined
  codebases: (string | undefined)[]
  manifests: { attributes: Attributes; packages: Attributes[]; action?: Attributes }[]
}

/**
 * @param app the key of the app that was asked for.
 * @throws PlatteError('bad-document') for anything but an answer, naming the field; 'too-large'; 'mismatch' for one about
 *   another app.
 */
export function parseAnswer(text: string, app: string): OmahaAnswer {
  const draft: Draft = { server: undefined, apps: [], status: undefined, codebases: [], manifests: [] }
  try {
    scanXml(text, (name, attributes, depth) => takeElement(draft, name, Object.fromEntries(attributes), depth), answer)
  } catch (error) {
    if (!(error instanceof PlatteError && error.code === 'bad-request')) throw error
    throw new PlatteError('bad-document', error.message, { cause: error })
  }
  checkApp(draft.apps, app)
  const [{ status: ofApp = '' } = {}] = draft.apps
  const status = ofApp !== 'ok' && ofApp !== '' ? ofApp : (draft.status ?? 'no update check')
  const given = draft.manifests.map(({ attributes, ...children }) => ({ ...attributes, ...children }))
  const read = field.check(schema, 'the answer', defined({ ...draft, manifests: given, status }))
  const { server = '', codebases } = read
  const manifests = read.manifests.map((one, i) => manifestOf(one, i))
  if (status === 'ok' && (manifests.length === 0 || codebases.length === 0))
    throw new PlatteError('bad-document', 'the answer: offers an update without a manifest and a codebase')
  return { server, status, codebases, manifests }
}

const known = new Set(['response', 'app', 'updatecheck', 'url', 'manifest', 'package', 'action'])

function takeElement(draft: Draft, name: string, attributes: Attributes, depth: number): void {
  if (depth === 0 && name !== 'response')
    throw new PlatteError('bad-document', `the answer is a <${visible(name.slice(0, 40))}>, not an Omaha <response>`)
  if (!known.has(name)) return
  const current = draft.manifests.at(-1)
  if (depth === 0) draft.server = attributes.server
  else if (depth === 1 && name === 'app') draft.apps.push(attributes)
  else if (draft.apps.length !== 1) return
  else if (depth === 2 && name === 'updatecheck') draft.status ??= attributes.status
  else if (depth === 4 && name === 'url') draft.codebases.push(attributes.codebase)
  else if (depth === 3 && name === 'manifest') addManifest(draft, attributes)
  else if (depth === 5 && name === 'package') current?.packages.push(attributes)
  else if (depth === 5 && attributes.event === 'postinstall' && current) current.action ??= attributes
}

function addManifest({ manifests }: Draft, attributes: Attributes): void {
  if (manifests.length === maxManifests)
    throw new PlatteError('too-large', `the answer: manifests: has more than ${maxManifests}`)
  manifests.push({ attributes, packages: [] })
}

function checkApp([first, second]: readonly Attributes[], app: string): void {
  const plain = (id = ''): string => id.replace(/^\{(.*)\}$/, '$1').toLowerCase()
  if (first === undefined) throw new PlatteError('bad-document', 'the answer has no <app>')
  const other = [first, second].find((one) => one && plain(one.appid) !== app)
  if (other === undefined) return
  const shown = JSON.stringify(visible((other.appid ?? '').slice(0, 80)))
  throw new PlatteError('mismatch', `the answer: app: is about ${shown}, not about ${app}`)
}

function manifestOf(one: v.InferOutput<typeof manifest>, i: number): AnsweredManifest {
  const { version, packages, action } = one
  const wrong = (path: string, words: string): never => {
    throw new PlatteError('bad-document', `the answer: manifests.${i}.${path}: ${words}`)
  }
  if (action?.IsDeltaPayload === 'true') wrong('action', 'is a delta payload: machines of other versions cannot use it')
  const read = packages.map(({ name, size, hash: sha1, hash_sha256 }, k) => {
    const ofAction = k === 0 ? action?.sha256 : undefined
    const sha256 = hash_sha256 ?? ofAction
    if (ofAction !== undefined && sha256 !== ofAction) wrong(`packages.${k}`, 'has two SHA-256 that differ')
    if (sha1 === undefined && sha256 === undefined) wrong(`packages.${k}`, 'has no digest')
    return { name, size, ...defined({ sha1, sha256 }) }
  })
  return {
    version,
    floor: one.is_floor === 'true' ? reasonOf(one.floor_reason) : undefined,
    isTarget: one.is_target === 'true',
    packages: read as [OfferedPackage, ...OfferedPackage[]],
  }
}

const reasonOf = (text = ''): string =>
  visible(text).replaceAll('\n', ' ').trim().slice(0, 500) || 'a floor of the upstream'
