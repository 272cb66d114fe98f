/** What `/openapi.json` says of pages and feeds. */
import * as v from 'valibot'
import {
  type Answer,
  conditional,
  type Described,
  etag,
  names,
  type Operation,
  type Parameter,
  page,
  plain,
  type Shape,
  text,
  unchanged,
} from '../checks/described.ts'
import { reason } from '../checks/openapi.ts'
import { boardPackages, image } from '../documents/board.ts'
import { hold } from '../documents/catalog.ts'
import { channelSchema } from '../documents/channel.ts'
import * as field from '../documents/fields.ts'
import { iconPath, stylePath } from './pages/style.ts'

const maybe = v.exactOptional
const versions = v.array(v.string())
const { aliases, follow, guard, cadence, releases } = channelSchema.entries

const board = v.strictObject({
  board: field.boardName,
  /** `null`: nothing. */
  offered: v.nullable(v.string()),
  newest: v.string(),
  publishedAt: field.instant,
  offeredFrom: field.instant,
  components: maybe(v.record(v.string(), v.string())),
  /** Floors on the way. */
  via: maybe(versions),
  withheld: maybe(v.strictObject({ reason, because: maybe(v.string()), version: maybe(v.string()) })),
  ramp: maybe(
    v.strictObject({
      from: field.instant,
      to: v.nullable(field.instant),
      stoppedAt: maybe(field.instant),
      /** 0 to 1. */
      share: v.number(),
    }),
  ),
  window: maybe(v.strictObject({ isOpen: v.boolean(), edge: maybe(field.instant) })),
  rollbacks: maybe(v.array(v.strictObject({ from: versions, to: v.string() }))),
})

const ref = { app: field.appName, channel: field.channelName }

const summary = v.strictObject({
  ...{ ...ref, seq: field.positive, issuedAt: field.instant, description: maybe(v.string()) },
  ...{ aliases, follow, guard, cadence, dueAt: maybe(field.instant) },
  payloadKeys: maybe(v.array(field.sha256)),
  boards: v.array(board),
})

const unreadable = v.strictObject({ ...ref, problem: reason })

const trust = {
  status: v.picklist(['ok', ...reason.options]),
  catalog: maybe(v.strictObject({ issuedAt: field.instant, expires: field.instant, keyIds: v.array(field.keyId) })),
}

const channels = v.strictObject({
  ...trust,
  total: field.count,
  channels: v.array(v.union([summary, unreadable])),
  /** Where the next ones are. */
  next: maybe(v.string()),
})

const listed = v.strictObject({
  ...releases.item.entries,
  offeredFrom: field.instant,
  states: v.record(v.string(), v.picklist(['offered', 'floor', 'later', 'superseded', ...reason.options])),
  boards: v.record(
    v.string(),
    v.union([boardPackages, image, v.strictObject({ codebases: boardPackages.entries.codebases })]),
  ),
})

const channel = v.strictObject({ ...trust, ...summary.entries, holds: v.array(hold), releases: v.array(listed) })

const flatcarRelease = v.strictObject({
  ...{ channel: field.channelName, architectures: v.array(v.string()), release_date: v.string() },
  major_software: v.record(v.string(), versions),
  release_notes: v.string(),
})
const flatcarReleases = v.record(v.string(), flatcarRelease)

export const describe = (): Described => ({
  name: 'Pages',
  about: 'For people, and for tools that read Flatcar’s files.',
  names,
  paths: {
    '/': { get: pageOf('readHome', 'What every channel offers', from) },
    '/channels/{app}/{channel}': {
      get: pageOf('readChannelPage', 'A channel, its releases and its history', from, [404]),
    },
    '/channels/{app}/{channel}/feed.atom': {
      get: feedOf('readFeed', 'Releases of a channel', 'application/atom+xml', text),
    },
    '/explain': { get: pageOf('readExplainPage', 'What a machine gets, as a form', machine, [400]) },
    '/client-config': { get: pageOf('makeClientConfig', 'Writes update.conf, as a form', client, [400]) },
    '/v1/channels': {
      get: {
        ...feedOf('listChannels', 'Channels, at most 20', 'application/json', channels, ['bad-request']),
        query: from,
      },
    },
    '/v1/channels/{app}/{channel}': {
      get: feedOf('readChannel', 'A channel with its releases', 'application/json', channel),
    },
    '/releases-json/releases-{channel}.json': {
      get: feedOf('readReleases', 'Releases by version, and `current`', 'application/json', flatcarReleases),
    },
    '/{channel}/{board}/{version}/version.txt': {
      get: feedOf('readVersionFile', 'What a release is; `current`: the one that is offered', 'text/plain', text),
    },
    [stylePath]: { get: file('readStyle', 'The style sheet of the pages', 'text/css') },
    [iconPath]: { get: file('readIcon', 'Their icon', 'image/svg+xml') },
  },
  schemas: { ChannelSummary: summary, Channel: channel, Channels: channels, FlatcarReleases: flatcarReleases },
})

const from: Operation['query'] & object = {
  from: { about: 'How many to skip.', shape: { type: 'string', pattern: '^\\d*$' } },
}
const asked = (about: string): Parameter => ({ about, shape: text })
/** As `/v1/explain`. */
const machine = {
  app: asked('The app.'),
  channel: asked('Its GROUP.'),
  version: asked('What it runs.'),
  board: asked('Its hardware.'),
  machine: asked('Its id.'),
  oem: asked('Its OEM.'),
  at: asked('At this instant.'),
  manual: asked('`1`: a person asks.'),
}
const client = {
  group: asked('The channel.'),
  system: asked('`flatcar` or `coreos`.'),
  strategy: asked('How it reboots.'),
  start: asked('When its reboot window begins.'),
  length: asked('How long that is.'),
  lock: asked('Where it asks for a reboot lock.'),
}
const lang: Operation['query'] & object = { lang: { about: 'Of pages: `en` or `zh`.', shape: text } }

const pageOf = (
  id: string,
  summary: string,
  query: Operation['query'] & object,
  others: readonly number[] = [],
): Operation => ({
  ...{ id, summary, query: { ...query, ...lang }, headers: conditional },
  answers: {
    200: { ...page('The page.'), headers: { etag } },
    304: unchanged,
    ...Object.fromEntries(others.map((status) => [status, page('A page that says what is wrong.')])),
  },
})

const feedOf = (
  id: string,
  summary: string,
  type: string,
  shape: Shape,
  refuses: Operation['refuses'] = ['not-found'],
): Operation => ({
  ...{ id, summary, headers: conditional },
  answers: {
    200: {
      about: 'Cached for 10 seconds.',
      content: { [type]: shape },
      headers: { etag, 'last-modified': lastModified },
    },
    304: unchanged,
  },
  refuses: [...refuses, 'catalog-unavailable'],
})

const lastModified = 'The last instant at which it may have changed, where that is known.'

const file = (id: string, summary: string, type: string): Operation => ({
  ...{ id, summary },
  answers: { 200: { ...plain('It never changes.'), content: { [type]: text } } satisfies Answer },
})
