/** What `/openapi.json` says of publishing over HTTP. Requests have the schemas that check them. */
import * as v from 'valibot'
import { type Action, actions, commands } from '../channels/commands.ts'
import type { EditResult } from '../channels/plan.ts'
import type { PublishResult } from '../channels/publish.ts'
import {
  type Answer,
  bytes,
  type Described,
  type Entries,
  json,
  jsonBody,
  names,
  type Operation,
  type Parameter,
} from '../checks/described.ts'
import { image, packageList } from '../documents/board.ts'
import { payloadKeys } from '../documents/channel.ts'
import * as field from '../documents/fields.ts'
import type { ProblemCode } from '../http/problem.ts'
import { uploadOrder } from './upload-records.ts'
import type { OpenedUpload } from './uploads.ts'

const maybe = v.exactOptional
const strings = v.array(v.string())

export const change = v.strictObject({
  what: v.string(),
  version: maybe(v.string()),
  from: maybe(v.string()),
  to: maybe(v.string()),
  effect: maybe(v.string()),
})

const changed = {
  seq: field.count,
  sha256: maybe(v.string()),
  /** What the plan of a dry run would sign. */
  signs: maybe(v.picklist(['manifest', 'catalog', 'nothing'])),
  changes: maybe(v.array(change)),
  warnings: maybe(strings),
  effects: maybe(strings),
  reach: maybe(strings),
  payloadKeys: maybe(payloadKeys),
  /** The rule of the policy that allowed it. */
  rule: v.string(),
  /** Where the manifest is. */
  manifest: v.string(),
}

const published = v.strictObject({
  kind: v.picklist(['published', 'unchanged', 'dry-run']),
  offered: v.boolean(),
  withheld: maybe(v.string()),
  packages: v.array(packageList.rest),
  image: maybe(image),
  ...changed,
} satisfies Entries<PublishResult>)

const edited = v.strictObject({
  kind: v.picklist(['changed', 'unchanged', 'dry-run']),
  inForce: v.boolean(),
  packages: maybe(v.array(v.strictObject({ key: v.string(), size: field.count }))),
  ...changed,
} satisfies Entries<EditResult>)

const refreshed = v.strictObject({
  kind: v.picklist(['refreshed', 'unchanged']),
  expires: field.instant,
  rolled: v.array(v.strictObject({ app: field.appName, channel: field.channelName })),
})

const bodies = Object.fromEntries(
  actions.map((action) => [
    action,
    v.strictObject({
      ...commands[action].entries,
      dryRun: maybe(v.boolean()),
      manifest: maybe(v.record(v.string(), v.unknown())),
    }),
  ]),
) as unknown as Record<Action, v.GenericSchema>

const opened = v.strictObject({
  packages: v.array(
    v.variant('kind', [
      v.strictObject({ name: field.packageName, kind: v.literal('there') }),
      v.strictObject({
        name: field.packageName,
        kind: v.literal('missing'),
        id: v.string(),
        partSize: field.positive,
        /** A `url` that starts with "/" is of this deployment. */
        parts: v.array(v.strictObject({ number: field.positive, size: field.positive, url: v.string() })),
        have: v.array(field.positive),
      }),
    ]) satisfies v.GenericSchema<unknown, OpenedUpload>,
  ),
})

const received = v.strictObject({
  ...{ key: v.string(), size: field.positive, sha256: field.sha256, sha1: field.hex(40), at: field.instant },
})

export const security = ['identityToken']
const bodyProblems: readonly ProblemCode[] = ['bad-request', 'too-large', 'unsupported-encoding']
export const problems: readonly ProblemCode[] = [
  ...bodyProblems,
  'usage',
  'unauthorized',
  'refused',
  'conflict',
  'credentials',
  'issuer-unavailable',
]

export const describe = (): Described => ({
  name: 'Publishing',
  about: 'For pipelines, with their identity tokens: commands, and the upload of packages. A token allows one change.',
  names: {
    id: { about: 'The id of the upload, which is its secret.', shape: field.hex(64), example: 'a1'.repeat(32) },
    number: { about: 'Of the part, from 1.', shape: { type: 'string', pattern: '^[1-9]\\d{0,4}$' }, example: '1' },
  },
  paths: {
    ...Object.fromEntries(actions.map((action) => [`/v1/${action}`, { post: commandOf(action) }])),
    '/v1/refresh': { post: refresh },
    '/v1/uploads': { post: announce },
    '/v1/uploads/{id}/complete': { post: complete },
    '/v1/uploads/{id}/{number}': { put: sendPart },
  },
  schemas: {
    ...{ Change: change, Published: published, Edited: edited, UploadOrder: uploadOrder, OpenedUploads: opened },
    ...Object.fromEntries(actions.map((action) => [nameOf(action), bodies[action]])),
  },
  security: {
    identityToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Of OpenID Connect.' },
  },
})

/** e.g. `ChannelCreateCommand`. */
const nameOf = (action: Action): string => `${camel(`-${action}`)}Command`
const camel = (action: string): string => action.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

const commandOf = (action: Action): Operation => ({
  ...{ id: camel(action), summary: `The command \`${action.replace('channel-', 'channel ')}\``, security },
  body: jsonBody(
    bodies[action],
    '`dryRun`: plans, and writes nothing. `manifest`: an envelope that the pipeline signed, where two signatures are needed.',
  ),
  answers: { 200: json('What became of the channel.', action === 'publish' ? published : edited) },
  refuses: problems,
})

const needed = (parameter: Parameter): Parameter => ({ ...parameter, isRequired: true })

const refresh: Operation = {
  ...{ id: 'refresh', summary: 'Points the catalog at the newest manifest of a channel, as the schedule does' },
  query: { app: needed(names.app), channel: needed(names.channel) },
  answers: { 200: json('What became of the catalog.', refreshed) },
  refuses: ['bad-request', 'credentials', 'rate-limited'],
}

const announce: Operation = {
  ...{ id: 'announceUploads', summary: 'Announces packages, and asks for what to send', security },
  body: jsonBody(uploadOrder),
  answers: { 200: json('In the same order.', opened) },
  refuses: problems,
}

const part: Answer = json('The part is here.', v.strictObject({ number: field.positive }))

const sendPart: Operation = {
  ...{ id: 'sendPart', summary: 'Sends a part of a package, with its Content-Length' },
  body: { content: { 'application/octet-stream': bytes } },
  answers: { 200: part },
  refuses: ['bad-request', 'not-found', 'length-required', 'unsupported-encoding'],
}

const complete: Operation = {
  ...{ id: 'completeUpload', summary: 'Reads what was sent, and keeps it if it is what was announced' },
  about: 'May take minutes. Repeat it after a time-out.',
  answers: { 200: json('The package is here.', received) },
  refuses: ['refused', 'not-found', 'conflict', 'upload-mismatch', 'credentials'],
}
