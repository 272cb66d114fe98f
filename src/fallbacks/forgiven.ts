/**
 * `fleet/forgiven.json`: the machines that fell back from a release and may be offered it again. It is not signed: a writer
 * of the store can bring back an offer, but only of a signed release.
 */
import * as v from 'valibot'
import { encode } from '../catalog/read.ts'
import * as field from '../documents/fields.ts'
import { forgivenKey } from '../documents/paths.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import type { Random } from '../kernel/random.ts'
import type { Documents } from '../store/documents.ts'
import { update } from '../store/update.ts'
import { longest } from './settings.ts'

const maxEntries = 2_000
/** Room for that many of the longest. */
const maxBytes = 2 * 1024 * 1024
/** Of a line; longer ids are cut there. */
export const maxIdLength = 64

const entry = v.strictObject({
  at: field.instant,
  app: v.exactOptional(field.appName),
  machine: v.exactOptional(field.text(maxIdLength)),
  version: v.exactOptional(field.text(256)),
})

const schema = v.strictObject({
  format: v.literal(1),
  type: v.literal('forgiven'),
  entries: v.pipe(v.array(entry), v.maxLength(maxEntries)),
})

/** Falls until `at` are forgiven: of a machine, from a release, or all. Without an app: of every app. */
export type Forgiven = v.InferOutput<typeof schema>['entries'][number]
export type Whom = Omit<Forgiven, 'at'>

/** @throws PlatteError('bad-document'); as `Documents` does. */
export async function readForgiven({ documents }: { readonly documents: Pick<Documents, 'get'> }) {
  const stored = await documents.get(forgivenKey, maxBytes)
  if (stored === undefined) return { entries: [], token: undefined }
  const { entries } = field.decodeUnsigned(schema, forgivenKey, stored.bytes)
  return { entries, token: stored.token }
}

interface Forgiving {
  readonly documents: Documents
  readonly clock: Clock
  readonly random: Random
}

/**
 * Forgives what happened until now. Entries that nothing looks at any more go.
 * @throws PlatteError('refused') beyond 2,000 entries; 'conflict' after losing every race; as `readForgiven`.
 */
export function forgive(forgiving: Forgiving, whom: Whom): Promise<Forgiven> {
  return update(forgiving, forgivenKey, async () => {
    const { entries, token } = await readForgiven(forgiving)
    const now = forgiving.clock()
    const added = { at: isoText(now), ...whom }
    const isEverything = nameOf(whom) === nameOf({})
    const isKept = (one: Forgiven): boolean =>
      !isEverything && nameOf(one) !== nameOf(whom) && Date.parse(one.at) > now - longest * 86_400_000
    const kept = entries.filter(isKept)
    if (kept.length >= maxEntries)
      throw new PlatteError('refused', `${maxEntries} machines and releases are forgiven already`, {
        hint: 'forgive a whole release with --release, or everything with --all',
      })
    const bytes = encode({ format: 1, type: 'forgiven', entries: [...kept, added] })
    return { result: added, write: { key: forgivenKey, bytes, token } }
  })
}

const nameOf = ({ app = '', machine = '', version = '' }: Whom): string => [app, machine, version].join('\n')

/** @returns when what a machine did was last forgiven; 0 for never. */
export function forgivenAt(entries: readonly Forgiven[]): (one: Required<Whom>) => Instant {
  const byName = new Map(entries.map((one) => [nameOf(one), Date.parse(one.at)]))
  return ({ app, machine, version }) => {
    const whoms = [{}, { app }].flatMap((of) => [of, { ...of, machine }, { ...of, version }])
    return Math.max(...whoms.map((whom) => byName.get(nameOf(whom)) ?? 0))
  }
}
