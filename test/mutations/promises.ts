/**
 * What Platte promises, each with the exported function that keeps the promise, a version of it that breaks it, and the
 * suite that must notice. Functions are found by name (plugin.ts), so they may move and be rewritten.
 */
import { createHash } from 'node:crypto'

// biome-ignore lint/suspicious/noExplicitAny: a version of any function, with its arguments.
type Behaviour = (...args: any[]) => any

export interface Kept {
  readonly promise: string
  /** The name that exactly one file of `src` exports. */
  readonly name: string
  readonly broken: (real: Behaviour) => Behaviour
  /** Below `test`. Some of its tests must fail, and some must still pass. */
  readonly suite: string
}

const row = (promise: string, name: string, suite: string, broken: (real: Behaviour) => Behaviour): Kept => ({
  promise,
  name,
  suite,
  broken,
})

const types = ['platte-root+jws', 'platte-catalog+jws', 'platte-channel+jws']
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const payloadOf = (bytes: Uint8Array) =>
  JSON.parse(Buffer.from(JSON.parse(Buffer.from(bytes).toString()).payload, 'base64url').toString())
const always = (value: unknown) => (): Behaviour => () => value
/** A channel's view with every board changed. */
const boards =
  (change: object) =>
  (real: Behaviour) =>
  (...args: unknown[]) => {
    const view = real(...args)
    const changed = [...view.boards].map(([name, board]: [string, object]) => [name, { ...board, ...change }] as const)
    return { ...view, boards: new Map(changed) }
  }

export const promises: readonly Kept[] = [
  row('a threshold counts keys', 'openEnvelope', 'trust/thresholds', (real) => (bytes, type, role) => {
    return real(bytes, type, { ...role, threshold: role.threshold - 1 })
  }),
  row('a signature counts for its type alone', 'openEnvelope', 'trust/attacks', (real) => async (bytes, type, role) => {
    for (const other of types) {
      const opened = await real(bytes, other, role).catch(() => undefined)
      if (opened) return opened
    }
    return await real(bytes, type, role)
  }),
  row('an envelope has one spelling', 'openEnvelope', 'trust/attacks', (real) => (bytes, ...rest) => {
    return real(Buffer.from(JSON.stringify(JSON.parse(Buffer.from(bytes).toString()))), ...rest)
  }),
  row('a key service signs with the key that was named', 'serviceKey', 'key-services/refusals', (real) => {
    return async (url, key, signDigest) => ({ ...(await real(url, key, signDigest)), signer: { sign: signDigest } })
  }),
  row('a root follows the one before it', 'verifyNextRoot', 'trust/root', (real) => (bytes, current) => {
    return real(bytes, { ...current, root: { ...current.root, version: payloadOf(bytes).version - 1 } })
  }),
  row('the last root must not have expired', 'checkRootFresh', 'trust/root', always(undefined)),
  row('a document that expired is refused', 'checkTimes', 'trust/channel', (real) => ({ issuedAt }, ...rest) => {
    return real({ issuedAt }, ...rest)
  }),
  row('a document from the future is refused', 'checkTimes', 'trust/channel', (real) => ({ expires }, ...rest) => {
    return real({ issuedAt: '1970-01-01T00:00:00Z', expires }, ...rest)
  }),
  row('an expired catalog is refused', 'verifyCatalog', 'trust/catalog', (real) => (bytes, trusted, checks) => {
    return real(bytes, trusted, { ...checks, acceptStaleMs: Number.POSITIVE_INFINITY })
  }),
  row('a catalog never goes back', 'verifyCatalog', 'trust/catalog', (real) => (bytes, trusted, checks) => {
    return real(bytes, trusted, { ...checks, seen: undefined })
  }),
  row('an expired catalog offers nothing', 'verifyCatalog', 'service/catalog-attacks', (real) => async (...args) => {
    return { ...(await real(...args)), expiresMs: Number.POSITIVE_INFINITY }
  }),
  row(
    'a manifest has the digest of the catalog',
    'verifyChannel',
    'trust/channel',
    (real) => (bytes, trusted, checks) => {
      return real(bytes, trusted, { ...checks, entry: { ...checks.entry, size: bytes.length, sha256: sha256(bytes) } })
    },
  ),
  row(
    'a manifest of another channel is refused',
    'verifyChannel',
    'trust/channel',
    (real) => (bytes, trusted, checks) => {
      const { app, channel } = payloadOf(bytes)
      return real(bytes, trusted, { ...checks, app, channel, request: checks.request ?? channel })
    },
  ),
  row('an alias needs the release key', 'answersTo', 'trust/channel', always(true)),
  row('history does not fork', 'verifyHead', 'trust/channel', (real) => (bytes, trusted, head) => {
    return real(bytes, trusted, { ...head, previous: undefined })
  }),
  row('a hold leaves an entry in the log', 'withBrakes', 'service/catalog-log', (real) => (...args) => {
    const { log: _, ...catalog } = real(...args)
    return catalog
  }),
  row('a noisy channel pushes out entries of its own', 'boundLog', 'service/catalog-log', (real) => (log, bytes) => {
    return real(log, bytes).length < log.length ? log.slice(-real(log, bytes).length) : log
  }),
  row('a hold withholds', 'viewChannel', 'core/decide', (real) => (scope, stored, followed) => {
    return real(scope, { ...stored, holds: [] }, followed)
  }),
  row('a floor is never jumped', 'viewChannel', 'core/decide', boards({ floors: [] })),
  row('a floor is offered on its own conditions', 'viewChannel', 'core/decide', (real) => (...args) => {
    const view = real(...args)
    const open = (floor: object) => ({ ...floor, ramps: [], targets: [] })
    const changed = [...view.boards].map(
      ([name, board]) => [name, { ...board, floors: board.floors.map(open) }] as const,
    )
    return { ...view, boards: new Map(changed) }
  }),
  row('a syncer comes last', 'bucketFor', 'http/syncer', (real) => (candidate, view, check) => {
    return real(candidate, view, { ...check, isSyncer: false })
  }),
  row('a client gets the versions that it asks for', 'hasPrefix', 'core/decide', always(true)),
  row('a dead end is never left', 'viewChannel', 'core/decide', boards({ deadEnds: [] })),
  row('a ramp admits its share', 'admits', 'core/conditions', always(true)),
  row('a machine without an id comes last', 'bucketOf', 'core/conditions', (real) => (scope, version, machine) => {
    return machine === '' ? { ramp: 0, window: 0 } : real(scope, version, machine)
  }),
  row('each release draws its own buckets', 'bucketOf', 'core/conditions-properties', (real) => (scope, _, machine) => {
    return real(scope, '1', machine)
  }),
  row('outside of its windows nothing is offered', 'isOpen', 'core/conditions', always(true)),
  row(
    'a target restricts',
    'readTarget',
    'core/conditions',
    always(() => undefined),
  ),
  row('a stopped clock stops a ramp', 'readRamp', 'core/conditions', (real) => (steps) => real(steps)),
  row('a follower waits', 'viewChannel', 'core/conditions', (real) => (scope, stored, followed) => {
    return real(scope, stored, followed && { ...followed, afterMs: 0 })
  }),
  row(
    'a follower keeps the holds of its source',
    'viewChannel',
    'core/conditions',
    (real) => (scope, stored, follow) => {
      return real(scope, stored, follow && { ...follow, source: { ...follow.source, holds: [] } })
    },
  ),
  row('an overlay restricts', 'restrict', 'core/overlay', () => (view) => view),
  row('the next change is predicted', 'nextChange', 'core/conditions-properties', always(undefined)),
  row('a higher version is newer', 'compareVersions', 'core/version', (real) => (a, b) => real(b, a)),
  row('a version means the same bytes everywhere', 'checkSameBytes', 'service/publish', always(undefined)),
  row('what a machine may need is never pruned', 'inUse', 'service/channels', always(new Set())),
  row('what would be offered to nobody is not signed', 'rampProblem', 'service/channels', always(undefined)),
  row('an expired catalog is not signed anew unseen', 'checkNotExpired', 'service/races', always(undefined)),
  row('only keys of the layout reach a store', 'checkKey', 'adapters/memory', () => (key) => key),
  row(
    'only public documents are served',
    'publicDocument',
    'http/documents',
    always({ kind: 'root', maxBytes: 2 ** 20 }),
  ),
  row('a group never has more holders than slots', 'lock', 'core/semaphore', (real) => (semaphore, holder) => {
    const { kind, semaphore: locked } = real({ ...semaphore, max: semaphore.max + 1 }, holder)
    return kind === 'locked' ? { kind, semaphore: { ...locked, max: semaphore.max } } : real(semaphore, holder)
  }),
  row('an adopted release waits for its age', 'adoptEdit', 'upstreams/adopt', (real) => (command, now) => {
    return real({ ...command, after: undefined }, now)
  }),
  row('what a stream marks is adopted with its marks', 'readStream', 'fcos/adopt', (real) => (stream, files, now) => {
    const { releases, ...rest } = JSON.parse(files.updates.text)
    const all = releases.map((one: object) => ({ ...one, metadata: { rollout: { start_percentage: 1 } } }))
    return real(
      stream,
      { ...files, updates: { ...files.updates, text: JSON.stringify({ ...rest, releases: all }) } },
      now,
    )
  }),
  row('an answer is about the app that was asked for', 'parseAnswer', 'upstreams/hostile', (real) => (text) => {
    return real(text, /appid="\{(.*?)\}"/.exec(text)?.[1] ?? '')
  }),
  row('a policy lets in who matches a rule', 'judge', 'publish/tokens', () => ([rule]) => ({ kind: 'allowed', rule })),
  row('a rule names one pipeline', 'problemsOf', 'publish/policy', always([])),
  row('a name is taken away by who may', 'changedBy', 'publish/tokens', (real) => (command) => real(command)),
  row('an identity token is sent where nobody else reads it', 'isConfidential', 'publish/client', always(true)),
  row('no zone has more holders than its policy says', 'zoneVeto', 'locks/zones', always(undefined)),
  row('a slot soaks after its holder came back', 'soakLeft', 'locks/edges', always(0)),
  row('a closed gate gives no slot', 'askGate', 'lock-gates/gates', () => async () => ({ kind: 'open' })),
  row('a gate that does not answer is closed', 'askGate', 'lock-gates/gates', (real) => async (...args) => {
    const answer = await real(...args)
    return answer.kind === 'failed' ? { kind: 'open' } : answer
  }),
  row('writers of one process take turns', 'turnAt', 'locks/turns', (real) => (...args) => {
    return { ...real(...args), begin: async () => false }
  }),
  row('a package is signed with a receipt alone', 'requireReceipt', 'uploads/receipts', (real) => (...args) => {
    return real(...args).catch(() => ({}))
  }),
  row('the guard holds no release by chance', 'exceeds', 'guard/model', () => (limit, machines, failed) => {
    return failed > 2 * limit * machines
  }),
  row('a hold that was lifted stays lifted', 'liftedAt', 'guard/watch', always(0)),
  row('metrics of the fleet are bounded', 'largest', 'fleet/metrics', () => (all) => all),
  row('details have the digest of their manifest', 'openPlain', 'service/details', (real) => (bytes) => {
    return real(bytes, sha256(bytes), 'details')
  }),
  row('details are of the release that names them', 'areDetailsOf', 'service/details', always(true)),
  row('the fleet is seen with its token alone', 'openSessions', 'fleet/site', (real) => (...args) => {
    return { ...real(...args), judge: async () => 'allowed' }
  }),
  row('what reaches more machines is said', 'reachOf', 'core/reach', always({ reach: [], instead: [] })),
  row('a form of another site signs nobody in', 'isOwnForm', 'fleet/site', always(true)),
  row('every route of a server is in its document', 'toOpenApi', 'openapi/document', (real) => (...args) => {
    const { paths, ...rest } = real(...args)
    const { '/healthz': _, ...others } = paths
    return { ...rest, paths: others }
  }),
]
