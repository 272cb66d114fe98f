/** What `/openapi.json` says of packages and signed documents. Payloads have the schemas that decode them. */
import { boardPackages, image, packageList } from '../documents/board.ts'
import { catalogSchema, hold } from '../documents/catalog.ts'
import { channelSchema, guard, payloadKeys, target, windows } from '../documents/channel.ts'
import { detailsSchema } from '../documents/details.ts'
import * as field from '../documents/fields.ts'
import { missingSchema } from '../documents/missing.ts'
import { missingPath } from '../documents/paths.ts'
import { rootSchema } from '../documents/root.ts'
import {
  type Answer,
  bytes,
  conditional,
  type Described,
  etag,
  type JsonSchema,
  json,
  type Operation,
  plain,
  text,
  unchanged,
} from './described.ts'
import type { Serving } from './serving.ts'

export const documentSchemas = {
  ...{ Root: rootSchema, Catalog: catalogSchema, ChannelManifest: channelSchema, ReleaseDetails: detailsSchema },
  ...{ BoardPackages: boardPackages, Image: image, Packages: packageList, MissingPackages: missingSchema },
  ...{ Windows: windows, Target: target, Guard: guard, PayloadKeys: payloadKeys, Hold: hold },
  ...{ AppId: field.appName, ChannelName: field.channelName, Board: field.boardName, Version: field.publishedVersion },
  ...{ Instant: field.instant, Duration: field.duration, Sha256: field.sha256, KeyId: field.keyId },
} as const satisfies Described['schemas']

export const meanings: Readonly<Partial<Record<keyof typeof documentSchemas, string>>> = {
  AppId: 'The Omaha id of an app, in lower case and without braces.',
  ChannelName: 'The name of a channel.',
  Board: 'The hardware that a package is for, such as `amd64-usr`.',
  Version: 'Numbers between dots, such as `4593.2.0`.',
  Instant: 'RFC 3339 in UTC, such as `2026-12-01T09:00:00Z`.',
  Duration: 'ISO 8601 with one length, such as `P14D` or `PT72H`.',
  Sha256: 'In lower-case hex.',
  KeyId: 'The thumbprint of a key (RFC 7638).',
  Packages: 'The package of the operating system first; sizes in bytes.',
  BoardPackages: 'Without `codebases`, this deployment serves the packages.',
  Image: 'A release without a file: its ostree commit, its image in a registry, or both.',
  Windows: 'When machines are offered releases.',
  Target: 'Which machines are offered releases: `from` is a range of versions, machines are SHA-256 of their ids.',
  Guard: 'Shares (0 to 1) of machines at which a rollout is held.',
  PayloadKeys: 'What clients verify payloads with.',
  Hold: 'Withholds a version, on one board or on all.',
}

const base64url = { type: 'string', contentEncoding: 'base64url' }

/** A JWS in the General JSON Serialization. */
const signed = (payload: keyof typeof documentSchemas): JsonSchema => ({
  type: 'object',
  required: ['payload', 'signatures'],
  additionalProperties: false,
  properties: {
    payload: {
      ...base64url,
      contentMediaType: 'application/json',
      contentSchema: { $ref: `#/components/schemas/${payload}` },
    },
    signatures: {
      type: 'array',
      items: {
        type: 'object',
        required: ['protected', 'signature'],
        additionalProperties: false,
        properties: { protected: base64url, signature: base64url },
      },
    },
  },
})

const objectOf = (id: string, summary: string, type: string, shape: JsonSchema): { readonly get: Operation } => ({
  get: {
    ...{ id, summary, headers: conditional },
    answers: { 200: { about: 'The stored bytes.', content: { [type]: shape }, headers: { etag } }, 304: unchanged },
    refuses: ['not-found'],
  },
})

const documentOf = (id: string, summary: string, payload: keyof typeof documentSchemas) =>
  objectOf(id, summary, 'application/jose+json', signed(payload))

export const documentPaths = ({ packagesUrl }: Serving): Described['paths'] => ({
  '/packages/{app}/{version}/{board}/{set}/{file}': { get: downloadOf(packagesUrl !== undefined) },
  '/catalog.jws': documentOf('readCatalog', 'The signed catalog', 'Catalog'),
  '/root/{number}.jws': documentOf('readRoot', 'A signed root', 'Root'),
  '/root/staged/{number}.jws': documentOf('readStagedRoot', 'A root that a mirror is about to use', 'Root'),
  '/apps/{app}/{channel}/{seq}.jws': documentOf('readManifest', 'A signed manifest', 'ChannelManifest'),
  '/notes/{sha256}': objectOf('readNotes', 'Release notes', 'text/markdown', text),
  '/notes/releases/{sha256}': objectOf('readDetails', 'The details of a release', 'application/json', {
    $ref: '#/components/schemas/ReleaseDetails',
  }),
  [`/${missingPath}`]: { get: readMissing },
})

const whole: Answer = {
  about: 'The package.',
  content: { 'application/octet-stream': bytes },
  headers: { etag, 'accept-ranges': '`bytes`', 'content-length': 'Its size.' },
}

const downloadOf = (isElsewhere: boolean): Operation => ({
  ...{ id: 'downloadPackage', summary: 'Downloads a package' },
  about: 'Only what a verified manifest names.',
  headers: {
    ...conditional,
    range: { about: 'One range of bytes.', shape: text, example: 'bytes=100-' },
    'if-range': { about: 'The tag that the range must be of.', shape: text },
  },
  answers: isElsewhere
    ? { 307: { ...plain('Where it is.'), headers: { location: 'Its URL.' } } }
    : {
        200: whole,
        206: { ...whole, about: 'The range.', headers: { ...whole.headers, 'content-range': 'Which bytes.' } },
        304: unchanged,
      },
  refuses: ['not-found', 'catalog-unavailable', ...(isElsewhere ? [] : (['range-not-satisfiable'] as const))],
})

const readMissing: Operation = {
  ...{ id: 'listMissingPackages', summary: 'Packages that the store of a mirror lacks' },
  answers: { 200: json('Readers withhold these releases.', missingSchema) },
  refuses: ['not-found'],
}
