/** What `/openapi.json` says of update checks, health and explanations. */
import * as v from 'valibot'
import * as field from '../documents/fields.ts'
import { type Reason, reasonSentences } from '../release/decide.ts'
import { type Described, type Entries, json, names, type Operation, type Parameter, plain, text } from './described.ts'
import type { Explanation } from './explain.ts'
import { updatePaths } from './http-updates.ts'
import { documentPaths, documentSchemas, meanings } from './openapi-documents.ts'
import type { Serving } from './serving.ts'

const maybe = v.exactOptional
const strings = v.array(v.string())

const health = v.strictObject({
  status: v.picklist(['ok', 'degraded']),
  /** `null` before a catalog was read. */
  catalogExpires: v.nullable(field.instant),
  problems: strings,
})

/** Why there is no update. */
export const reason = v.picklist(Object.keys(reasonSentences) as [Reason, ...Reason[]])

const outcome = {
  decision: v.picklist(['update', 'no-update']),
  offered: maybe(v.string()),
  path: maybe(strings),
  isRollback: maybe(v.literal(true)),
  reason: maybe(reason),
  withheld: maybe(v.string()),
  because: maybe(v.string()),
  sentence: v.string(),
}

const explanation = v.strictObject({
  asked: v.record(v.string(), v.string()),
  at: field.instant,
  ...outcome,
  numbers: maybe(
    v.strictObject({
      bucket: maybe(v.number()),
      share: maybe(v.number()),
      stoppedAt: maybe(field.instant),
      windowEdge: maybe(field.instant),
    }),
  ),
  next: maybe(v.strictObject({ ...outcome, at: field.instant })),
  note: maybe(v.string()),
} satisfies Entries<Explanation & { asked: object }>) satisfies v.GenericSchema<unknown, Explanation>

export const describe = (serving: Serving): Described => ({
  name: 'Updates',
  about: 'What machines ask: update checks, packages, and the signed documents behind them.',
  names: {
    ...names,
    seq: {
      about: 'The revision of a channel, with ten digits.',
      shape: { type: 'string', pattern: '^\\d{10}$' },
      example: '0000000001',
    },
    number: { about: 'The version of the root.', shape: field.positive, example: 1 },
    sha256: { about: 'The SHA-256 of the object, in lower-case hex.', shape: field.sha256, example: 'a1'.repeat(32) },
    set: {
      about: 'The digest of the names and bytes of the packages.',
      shape: field.hex(32),
      example: 'a1'.repeat(16),
    },
    file: { about: 'The name of the package.', shape: field.packageName, example: 'flatcar_production_update.gz' },
  },
  paths: {
    ...Object.fromEntries(updatePaths.map((path, i) => [path, { get: aboutUpdates(i), post: checkForUpdates(i) }])),
    '/healthz': { get: readHealth },
    ...(serving.explain && { '/v1/explain': { get: explainOf(isForToken(serving)) } }),
    ...documentPaths(serving),
  },
  schemas: {
    ...{ Health: health, Explanation: explanation },
    ...documentSchemas,
  },
  meanings,
  ...(isForToken(serving) && {
    security: { explainToken: { type: 'http', scheme: 'bearer', description: 'The token of PLATTE_EXPLAIN_TOKEN.' } },
  }),
})

const isForToken = ({ explain }: Serving): boolean => typeof explain === 'object'

/** Of the paths that answer the same, the first has the plain name. */
const numbered = (id: string, i: number): string => (i === 0 ? id : `${id}${i + 1}`)

const inText = (...statuses: readonly number[]) => ({
  ...plain('One line, `error: …`; perhaps a second one, `hint: …`.'),
  statuses,
})

const omaha = { type: 'string', contentMediaType: 'text/xml' } as const

const aboutUpdates = (i: number): Operation => ({
  ...{ id: numbered('describeUpdates', i), summary: 'Says that the endpoint is up, for people' },
  query: { x: { about: 'An extension: the answer is that of `/service/update2/crx`.', shape: text } },
  answers: { 200: { about: 'How machines ask.', content: { 'text/plain': text, 'text/xml': omaha } } },
  dialect: inText(413, 500),
})

const omahaRequest = `<?xml version="1.0" encoding="UTF-8"?>
<request protocol="3.0"><os platform="CoreOS" sp="4081.2.0_x86_64"/>
<app appid="{e96281a6-d1af-4bde-9a0a-97b76e56dc57}" version="4081.2.0" track="stable" board="amd64-usr" machineid="0123456789abcdef0123456789abcdef"><updatecheck/></app></request>`

/** With `app` in 3.x, `apps` in 4.x. */
const omahaJson = (name: 'request' | 'response') => ({
  type: 'object',
  required: [name],
  properties: {
    [name]: {
      ...{ type: 'object', required: ['protocol'], additionalProperties: true },
      properties: { protocol: text, app: { type: 'array' }, apps: { type: 'array' } },
    },
  },
})
const jsonRequest = {
  request: {
    ...{ protocol: '4.0', '@os': 'linux', arch: 'x64', acceptformat: 'crx3,download' },
    apps: [{ appid: 'ghbmnnjooekpmoecnnnilnnbdlolhkhi', version: '1.0', updatecheck: {} }],
  },
}

const checkForUpdates = (i: number): Operation => ({
  ...{ id: numbered('checkForUpdates', i), summary: 'Checks for updates (Omaha 3.0, or JSON 3.1 and 4.0)' },
  about:
    'The media type of the request does not matter: JSON begins with `{`. An answered check is 200 whatever the decision; there is no redirect.',
  body: {
    content: {
      'text/xml': { ...omaha, examples: [omahaRequest] },
      'application/json': { ...omahaJson('request'), examples: [jsonRequest] },
    },
    about: 'At most 64 KiB, not compressed.',
  },
  answers: {
    200: {
      about: "An Omaha response in the protocol of the request. JSON stands behind `)]}'` and a line feed.",
      content: { 'text/xml': omaha, 'application/json': omahaJson('response') },
    },
  },
  dialect: inText(400, 413, 415, 500, 503),
})

const readHealth: Operation = {
  ...{ id: 'readHealth', summary: 'Whether checks are answered, and what an operator should look at' },
  answers: { 200: json('Also where there are problems: the process answers.', health) },
}

const bit = { type: 'string', enum: ['', '0', '1'] }
const word = { type: 'string', maxLength: 256 }
const required = (about: string, example: string): Parameter => ({ about, shape: word, isRequired: true, example })

const explainOf = (isSecret: boolean): Operation => ({
  ...{ id: 'explain', summary: 'What a machine gets, why, and when that changes' },
  query: {
    app: required('The Omaha id of the app.', names.app.example),
    channel: required('Its GROUP, or track.', 'stable'),
    version: required('What it runs.', '4081.2.0'),
    board: required('Its hardware.', 'amd64-usr'),
    machine: { about: 'Its id: without one, it is the last that a ramp reaches.', shape: word },
    oem: { about: 'Its OEM.', shape: word },
    os: { about: 'The version of its operating system.', shape: word },
    manual: { about: '`1`: a person asks, which skips ramps and windows.', shape: bit },
    syncer: { about: '`1`: a server asks that copies releases.', shape: bit },
    prefix: { about: 'Its `targetversionprefix`.', shape: word },
    scheme: {
      about: 'Of a machine with Zincati: what it installs.',
      shape: { type: 'string', enum: ['checksum', 'oci'] },
    },
    wariness: { about: 'Its `rollout_wariness`.', shape: { type: 'number', minimum: 0, maximum: 1 } },
    browser: { about: 'The version of the browser that it is in.', shape: word },
    at: { about: 'At this instant; default: now.', shape: text, example: '2026-12-01T09:00:00Z' },
  },
  ...(isSecret && { security: ['explainToken'] }),
  answers: { 200: json('The decision.', explanation) },
  refuses: ['bad-request', ...(isSecret ? (['unauthorized'] as const) : [])],
})
