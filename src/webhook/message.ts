/** What the webhook says of a new catalog and of the fleet. Equal facts make equal ids on every server. Pure. */
import type { ChannelRef } from '../catalog/read.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import type { Instant } from '../kernel/clock.ts'
import { textDigest } from '../kernel/digest.ts'
import { isoText, percent, timeText } from '../kernel/format.ts'
import type { Release } from '../release/channel.ts'
import type { VerifiedCatalog } from '../trust/verify-documents.ts'

const types = {
  published: 'release.published',
  held: 'release.held',
  guarded: 'release.guarded',
  unheld: 'release.unheld',
  expiring: 'catalog.expiring',
  expired: 'catalog.expired',
  silent: 'fleet.silent',
  test: 'webhook.test',
} as const

export interface Message {
  /** Receivers that know it already drop the message. */
  readonly id: string
  readonly type: (typeof types)[keyof typeof types]
  /** When it happened, RFC 3339. */
  readonly timestamp: string
  /** One sentence for people. */
  readonly text: string
  readonly data: Readonly<Record<string, string | number>>
}

type Draft = Omit<Message, 'id'> & { readonly of: readonly (string | number)[] }

const message = ({ of, ...rest }: Draft): Message => ({
  id: `msg_${textDigest(JSON.stringify([rest.type, ...of])).slice(0, 32)}`,
  ...rest,
})

/** @param seq the revision that has it. */
export function published(ref: ChannelRef, { version, publishedAt }: Release, seq: number): Message {
  return message({
    ...{ type: types.published, timestamp: publishedAt, of: [ref.app, ref.channel, version, publishedAt] },
    text: `${ref.channel}: ${version} was published (revision ${seq})`,
    data: { ...ref, version, revision: seq },
  })
}

type Holds = NonNullable<CatalogChannel['holds']>

/** @param now of a lifted hold, which leaves no instant. */
export function holdMessages(ref: ChannelRef, before: Holds, after: Holds, now: Instant): readonly Message[] {
  const nameOf = ({ version, board }: Holds[number]): string => `${version} ${board ?? ''}`
  const has = (holds: Holds, one: Holds[number], isSame: (a: Holds[number], b: Holds[number]) => boolean): boolean =>
    holds.some((other) => nameOf(other) === nameOf(one) && isSame(one, other))
  const added = after.filter((one) => !has(before, one, (a, b) => a.at === b.at && a.reason === b.reason))
  const lifted = before.filter((one) => !has(after, one, () => true))
  return [
    ...added.map(({ version, board, reason, at }) => {
      const isGuard = reason.startsWith('guard:')
      return message({
        ...{ type: isGuard ? types.guarded : types.held, timestamp: at },
        of: [ref.app, ref.channel, version, board ?? '', at, reason],
        text: `${ref.channel}: ${version}${onBoard(board)} is held: ${reason}`,
        data: { ...ref, version, ...(board && { board }), reason },
      })
    }),
    ...lifted.map(({ version, board, reason, at }) =>
      message({
        ...{ type: types.unheld, timestamp: isoText(now) },
        of: [ref.app, ref.channel, version, board ?? '', at],
        text: `${ref.channel}: ${version}${onBoard(board)} is no longer held`,
        data: { ...ref, version, ...(board && { board }), reason },
      }),
    ),
  ]
}

const onBoard = (board: string | undefined): string => (board === undefined ? '' : ` on ${board}`)

/** In the last third of its validity, the job that refreshes it did not run. */
export function expiryMessages({ catalog, issuedAtMs }: VerifiedCatalog, now: Instant): readonly Message[] {
  const { expires } = catalog
  const left = Date.parse(expires) - now
  if (left >= (Date.parse(expires) - issuedAtMs) / 3) return []
  const about = { timestamp: isoText(now), of: [expires], data: { expires } }
  const text =
    left > 0
      ? `the catalog expires at ${timeText(expires)} and was not refreshed`
      : `the catalog expired at ${timeText(expires)}: machines are offered nothing`
  return [message({ ...about, text, type: left > 0 ? types.expiring : types.expired })]
}

export interface Silence extends ChannelRef {
  readonly machines: number
  readonly silent: number
}

/** Fewer machines make no share. */
const fewest = 20

/** Once a day (UTC) and channel. */
export function silenceMessages(channels: readonly Silence[], limit: number, now: Instant): readonly Message[] {
  const loud = channels.filter(({ machines, silent }) => machines >= fewest && silent / machines > limit)
  return loud.map(({ app, channel, machines, silent }) =>
    message({
      ...{ type: types.silent, timestamp: isoText(now), of: [app, channel, isoText(now).slice(0, 10)] },
      text: `${channel}: ${silent} of ${machines} machines (${percent(silent / machines)}) are silent for 24 hours`,
      data: { app, channel, machines, silent },
    }),
  )
}

/** @param unique so that each test is a new message. */
export const testMessage = (now: Instant, unique: number): Message =>
  message({
    ...{ type: types.test, timestamp: isoText(now), of: [now, unique] },
    ...{ text: 'This is a test of the webhook of Platte.', data: {} },
  })
