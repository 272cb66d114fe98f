/** `locks/<group>.json`, unsigned: write access to the store allows machines to reboot, or keeps them from it. */
import * as v from 'valibot'
import { windows } from '../documents/channel.ts'
import * as field from '../documents/fields.ts'
import { isGroupName, isZoneName } from '../documents/paths.ts'
import { isVisible } from '../kernel/format.ts'
import type { Window } from '../release/channel.ts'
import { windowProblem } from '../release/window.ts'
import { isHolderId, isInOrder, maxHolders, maxSlots } from './semaphore.ts'

/** Room for `maxHolders` with the longest ids, for `maxHolders` more whose slots soak, for a list of zones and a calendar. */
export const maxLockBytes = 6 * 1024 * 1024

export const maxHistory = 100
/** Of the last writes: a write whose answer was lost finds itself here. */
export const maxNonces = 16
/** A day. */
export const maxExpiries = 100
export const maxFreezes = 100
export const maxOutbox = 500
/** One each day, and some. */
export const maxBusy = 500

/** Characters of all ids in a list with their blanks: 10,000 machines, each as its machine id and as its id of FleetLock. */
export const maxListed = 700_000
export const maxZones = 1000

/** On one line, for people. */
const reasonText = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(200),
  v.check(isVisible, 'must be visible characters'),
)
export const isFreezeReason = (text: string): boolean => v.is(reasonText, text)
const holderId = v.pipe(v.string(), v.check(isHolderId, 'must be 1 to 255 characters on one line'))
const via = v.picklist(['locksmith', 'fleet-lock', 'operator'])
const zoneName = v.pipe(v.string(), v.check(isZoneName, 'must be 1 to 63 of A-Z a-z 0-9 _ -, a letter or digit first'))
const zone = v.exactOptional(zoneName)
const holder = v.strictObject({
  ...{ id: holderId, via, since: field.instant, seen: v.exactOptional(field.instant) },
  ...{ tick: v.exactOptional(field.count), zone },
})
const clock = { at: field.instant, ms: field.count }
const freeze = v.strictObject({ from: field.instant, to: field.instant, reason: v.exactOptional(reasonText) })

/** Ids of machines by zone, between blanks. */
const machines = v.pipe(
  field.record(zoneName, field.matching(/^[!-~]+(?: [!-~]+)*$/, 'must be ids between blanks')),
  v.check((lists) => Object.keys(lists).length <= maxZones, `must be at most ${maxZones} zones`),
  v.check((lists) => Object.values(lists).reduce((sum, list) => sum + list.length + 1, 0) <= maxListed, 'is too long'),
)

const zones = v.strictObject({
  perZone: v.exactOptional(v.pipe(field.positive, v.maxValue(maxSlots))),
  oneAtATime: v.exactOptional(v.literal(true)),
  /** Machines may name their zone in the name of their group: `web.a`. */
  bySuffix: v.exactOptional(v.literal(true)),
  machines: v.exactOptional(machines),
})

const calendar = v.strictObject({
  read: field.instant,
  busy: v.pipe(v.array(freeze), v.maxLength(maxBusy)),
  /** Its events go on after this. */
  until: v.exactOptional(field.instant),
})

const isUsable = (window: Window): boolean => windowProblem(window) === undefined

const policy = v.strictObject({
  windows: v.exactOptional(
    v.pipe(
      windows,
      v.check((list) => list.every(isUsable), 'must have lengths and time zones'),
    ),
  ),
  vetoOnHold: v.exactOptional(v.literal(true)),
  vetoAfterRollback: v.exactOptional(field.duration),
  lease: v.exactOptional(field.duration),
  expirePerDay: v.exactOptional(v.pipe(field.positive, v.maxValue(maxExpiries))),
  releaseOnReboot: v.exactOptional(v.literal(true)),
  /** A slot stays taken for this long after its holder came back. */
  soak: v.exactOptional(field.duration),
  freezes: v.exactOptional(v.pipe(v.array(freeze), v.minLength(1), v.maxLength(maxFreezes))),
  calendar: v.exactOptional(calendar),
  zones: v.exactOptional(zones),
})

const event = v.strictObject({
  at: field.instant,
  what: v.picklist(['create', 'lock', 'unlock', 'set-max', 'policy', 'expire', 'release', 'rollback', 'acknowledge']),
  via: v.exactOptional(v.picklist([...via.options, 'check'])),
  id: v.exactOptional(holderId),
  by: v.exactOptional(field.text(100)),
  max: v.exactOptional(field.count),
})

/** What its hook was not told yet. */
const outbox = v.strictObject({
  /** The number of the newest entry. */
  last: field.count,
  /** How many were given up. */
  dropped: field.count,
  entries: v.pipe(
    v.array(
      v.strictObject({
        ...{ n: field.positive, at: field.instant, id: holderId, via: v.picklist([...via.options, 'check']) },
        what: v.picklist(['lock', 'unlock', 'expire', 'release']),
        tries: v.exactOptional(field.positive),
        /** Not before. */
        due: v.exactOptional(field.instant),
      }),
    ),
    v.maxLength(maxOutbox),
  ),
  /** The server that delivers them, until then. */
  claim: v.exactOptional(v.strictObject({ by: field.hex(32), until: field.instant })),
})

const schema = v.strictObject({
  format: v.literal(1),
  type: v.literal('lock'),
  group: v.pipe(v.string(), v.check(isGroupName, 'must be 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first')),
  rev: field.positive,
  created: field.positive,
  nonces: v.pipe(v.array(field.hex(32)), v.minLength(1), v.maxLength(maxNonces)),
  max: v.pipe(field.count, v.maxValue(maxSlots)),
  holders: v.nullable(
    v.pipe(
      v.array(holder),
      v.maxLength(maxHolders),
      v.check((list) => isInOrder(list.map(({ id }) => id)), 'must be in byte order, each once'),
    ),
  ),
  policy,
  expiries: v.pipe(v.array(field.instant), v.maxLength(maxExpiries)),
  expiryTicks: v.exactOptional(v.pipe(v.array(field.count), v.maxLength(maxExpiries))),
  rolledBackAt: v.exactOptional(field.instant),
  /** Time that passed for sure, as of an instant: what leases and soaks are measured by. */
  ticks: v.exactOptional(v.strictObject({ ...clock, others: v.exactOptional(v.array(v.strictObject(clock))) })),
  /** Machines that came back, each with the ticks of that moment. */
  soaking: v.exactOptional(
    v.pipe(v.array(v.strictObject({ id: holderId, tick: field.count, zone })), v.maxLength(maxHolders)),
  ),
  /** When a client of locksmith last found no slot free. */
  locksmithWaits: v.exactOptional(field.instant),
  outbox: v.exactOptional(outbox),
  history: v.pipe(v.array(event), v.maxLength(maxHistory)),
})

/** In place of the document of a group that is not kept in the bucket. */
const stub = v.strictObject({
  format: v.literal(1),
  type: v.literal('lock-stub'),
  group: schema.entries.group,
  /** What keeps it. */
  driver: v.picklist(['durable-object']),
  /** Another one with each move: what the driver has of an earlier move is stale. */
  move: field.hex(32),
  /** The group, until the driver has taken it over. */
  lock: v.exactOptional(schema),
  /** The driver shall give the group back. */
  back: v.exactOptional(v.literal(true)),
})
const stored = v.variant('type', [schema, stub])

export type Lock = v.InferOutput<typeof schema>
export type LockStub = v.InferOutput<typeof stub>
export type LockPolicy = Lock['policy']
export type LockEvent = Lock['history'][number]

/** @throws PlatteError('bad-document') naming the key and the first field at fault. */
export const decodeLock = (key: string, bytes: Uint8Array): Lock => field.decodeUnsigned(schema, key, bytes)

/** What the bucket has of a group. @throws as `decodeLock`. */
export const decodeStored = (key: string, bytes: Uint8Array): Lock | LockStub =>
  field.decodeUnsigned(stored, key, bytes)

/** @throws PlatteError('bad-document') for a document that no reader would accept. */
export const checkLock = (key: string, value: unknown): Lock => field.check(schema, key, value)
