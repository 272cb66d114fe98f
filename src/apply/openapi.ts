/** What `/openapi.json` says of applying a file of channels. */
import * as v from 'valibot'
import { type Described, type Entries, json, jsonBody, type Operation } from '../checks/described.ts'
import * as field from '../documents/fields.ts'
import { change, problems, security } from '../publish-api/openapi.ts'
import type { Applied } from './commit.ts'

const texts = v.array(v.string())

const applied = v.strictObject({
  kind: v.picklist(['changed', 'unchanged', 'dry-run']),
  inForce: v.boolean(),
  plan: v.exactOptional(v.string()),
  newApps: v.exactOptional(texts),
  /** Names that apps get. */
  apps: v.array(v.strictObject({ app: field.appName, name: v.string() })),
  /** Signed before, and not named by the catalog yet. */
  waiting: v.exactOptional(
    v.array(v.strictObject({ app: field.appName, channel: field.channelName, seq: field.count })),
  ),
  reach: v.exactOptional(texts),
  warnings: v.exactOptional(texts),
  channels: v.array(
    v.strictObject({
      app: field.appName,
      channel: field.channelName,
      kind: v.picklist(['created', 'changed', 'deleted']),
      seq: field.count,
      changes: v.array(change),
      warnings: texts,
      effects: v.exactOptional(texts),
    } satisfies Entries<Applied['channels'][number]>),
  ),
  rule: v.string(),
} satisfies Entries<Applied & { rule: string }>)

/** docs/apply.md describes the members of `apps`. They are not described here, because a file may write them in several ways. */
const order = {
  type: 'object',
  required: ['config'],
  additionalProperties: false,
  properties: {
    config: { type: 'object', required: ['apps'], properties: { apps: { type: 'object' } } },
    prune: { type: 'boolean', description: 'Removes what the file does not mention of its apps.' },
    plan: { type: 'string', description: 'Of an answer to dryRun: nothing else than that plan is carried out.' },
    dryRun: { type: 'boolean', description: 'Plans, and writes nothing.' },
  },
}

export const describe = (): Described => ({
  name: 'Channels as code',
  about: 'For pipelines: a file that says what channels there are.',
  names: {},
  paths: { '/v1/apply': { post: apply } },
  schemas: { Applied: applied },
})

const apply: Operation = {
  ...{ id: 'apply', summary: 'Makes channels what a file says', security, body: jsonBody(order) },
  answers: { 200: json('What changed, channel by channel.', applied) },
  refuses: problems,
}
