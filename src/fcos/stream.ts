/**
 * What the metadata of a Fedora CoreOS stream offers, in Platte's words. Pure.
 * @see coreos/fedora-coreos-streams updates/stable.json, coreos/fedora-coreos-cincinnati policy.rs
 */
import * as v from 'valibot'
import { ociImage } from '../documents/board.ts'
import * as field from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { visible } from '../kernel/format.ts'
import { parseJsonObject } from '../kernel/json.ts'
import type { Image, RampStep } from '../release/channel.ts'
import { readRamp, shareAt } from '../release/ramp.ts'
import { isSameVersion, newestFirst, oldestFirst } from '../release/version.ts'

/** One that is offered, or that machines must pass through or stay at. */
export interface StreamRelease {
  readonly version: string
  /** By architecture, which is the name of its board. */
  readonly boards: Readonly<Record<string, Image>>
  /** Why machines must pass through it. */
  readonly floor?: string
  /** Why machines that run it are offered nothing. */
  readonly deadEnd?: string
  /** Whether it is rolled out. Machines reach a floor all the same. */
  readonly isOffered: boolean
  /** Of the rollout; absent: to everybody. */
  readonly ramp?: readonly RampStep[]
  /** What Platte does otherwise: sentences. */
  readonly notes: readonly string[]
}

/** Files of `stable` have 20 and 200. */
const [maxUpdates, maxIndexed] = [1000, 4000]
/** Of one command that adopts. */
const maxReleases = 64
const maxArchitectures = 20
/** In seconds, the year 9999; in minutes, 19 years. */
const [maxEpoch, maxMinutes] = [253_402_300_799, 10_000_000]

const whole = (max: number) =>
  v.pipe(v.number(), v.safeInteger('must be a whole number'), v.minValue(0), v.maxValue(max))
const because = v.exactOptional(v.object({ reason: v.pipe(v.string(), v.maxLength(2000)) }))
const rollout = v.object({
  start_epoch: v.exactOptional(whole(maxEpoch), 0),
  start_percentage: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(1, 'must be 0 to 1')), 0),
  duration_minutes: v.exactOptional(whole(maxMinutes), 0),
})
const list = <S extends v.GenericSchema>(one: S, max: number) =>
  v.object({ stream: v.string(), releases: v.pipe(v.array(one), v.maxLength(max, `has more than ${max}`)) })

const updatesSchema = list(
  v.object({
    version: field.publishedVersion,
    metadata: v.object({ barrier: because, deadend: because, rollout: v.exactOptional(rollout) }),
  }),
  maxUpdates,
)
const indexSchema = list(v.looseObject({ version: v.string() }), maxIndexed)
const ofArchitectures = <S extends v.ObjectEntries>(entries: S) =>
  v.exactOptional(
    v.pipe(v.array(v.object({ architecture: field.boardName, ...entries })), v.maxLength(maxArchitectures)),
    [],
  )
const indexed = v.object({
  commits: ofArchitectures({ checksum: field.sha256 }),
  'oci-images': ofArchitectures({ 'digest-ref': ociImage }),
})
type Update = v.InferOutput<typeof updatesSchema>['releases'][number]

/** What is read, as `updates/stable.json` or `releases.json`, and its text. */
export type StreamFile = Readonly<{ name: string; text: string }>

type StreamFiles = Readonly<{ updates: StreamFile; index: StreamFile }>

/**
 * @param stream that was asked for. @param now milliseconds since 1970.
 * @returns what is offered or marked, oldest first: what the upstream offers to nobody is left out.
 * @throws PlatteError('bad-document') for another file, naming it and the field; 'mismatch' for another stream.
 */
export function readStream(stream: string, { updates, index }: StreamFiles, now: number): readonly StreamRelease[] {
  const given = readList(updatesSchema, updates, stream).releases
  const all = readList(indexSchema, index, stream).releases
  const marked = given.filter(({ metadata }) => metadata.barrier ?? metadata.deadend ?? metadata.rollout)
  if (marked.length > maxReleases)
    throw wrong(updates.name, `releases: ${marked.length} are offered or marked, more than ${maxReleases}`)
  const twice = marked.find(({ version }, i) => marked.findIndex((one) => isSameVersion(one.version, version)) < i)
  if (twice) throw wrong(updates.name, `releases: has ${twice.version} twice`)
  const newest = marked.toSorted(newestFirst).find(({ metadata }) => metadata.rollout && !metadata.deadend)
  return marked.toSorted(oldestFirst).map((one) => {
    const found = all.findIndex(({ version }) => version === one.version)
    if (found < 0) throw wrong(index.name, `releases: has no ${one.version}, which ${updates.name} has`)
    const nameOf = (path: string): string => `releases.${found}.${path}`
    const boards = boardsOf(field.check(indexed, index.name, all[found], 'bad-document', nameOf))
    return releaseOf(one, boards, (ramp) => {
      const isBeside = newest && newest.version !== one.version && shareAt(readRamp(ramp), now) < 1
      return isBeside
        ? [`is rolled out beside ${newest.version}: it is offered below that only once it is complete`]
        : []
    })
  })
}

const wrong = (file: string, words: string): PlatteError => new PlatteError('bad-document', `${file}: ${words}`)

function readList<S extends v.GenericSchema<unknown, { readonly stream: string }>>(
  schema: S,
  { name, text }: StreamFile,
  stream: string,
): v.InferOutput<S> {
  const json = parseJsonObject(text)
  if (json === undefined) throw wrong(name, 'is not a JSON object')
  const read = field.check(schema, name, json)
  if (read.stream === stream) return read
  const shown = JSON.stringify(visible(read.stream.slice(0, 80)))
  throw new PlatteError('mismatch', `${name}: stream: is ${shown}, not ${JSON.stringify(stream)}`)
}

function boardsOf({ commits, 'oci-images': images }: v.InferOutput<typeof indexed>): Readonly<Record<string, Image>> {
  const boards = new Map<string, Image>()
  for (const { architecture, checksum } of commits) boards.set(architecture, { checksum })
  for (const { architecture, 'digest-ref': oci } of images)
    boards.set(architecture, { ...boards.get(architecture), oci })
  return Object.fromEntries(boards)
}

function releaseOf(
  { version, metadata: { barrier, deadend, rollout } }: Update,
  boards: StreamRelease['boards'],
  noteOf: (ramp: readonly RampStep[]) => readonly string[],
): StreamRelease {
  const ramp = rollout && !deadend ? rampOf(rollout) : undefined
  const notes = [
    barrier && deadend ? ['is a barrier and a dead end: it is adopted as a dead end, and machines pass it by'] : [],
    rollout && deadend ? ['is a dead end with a rollout: no machine is led to it'] : [],
    ramp ? noteOf(ramp) : [],
    Object.keys(boards).length === 0 ? ['has neither commits nor images: it is left out'] : [],
  ].flat()
  return {
    ...{ version, boards, notes, isOffered: rollout !== undefined && deadend === undefined },
    ...(barrier && !deadend && { floor: reasonOf(barrier.reason, 'a barrier of the upstream') }),
    ...(deadend && { deadEnd: reasonOf(deadend.reason, 'a dead end of the upstream') }),
    ...(ramp && { ramp }),
  }
}

const reasonOf = (text: string, otherwise: string): string =>
  visible(text).replaceAll('\n', ' ').trim().slice(0, 500) || otherwise

/** The same line. Without a duration the share stays what it is at the start. @returns `undefined` for everybody at once. */
function rampOf(of: v.InferOutput<typeof rollout>): readonly RampStep[] | undefined {
  const { start_epoch: start, start_percentage: from, duration_minutes: minutes } = of
  const step = (seconds: number, share: number): RampStep => ({ at: new Date(seconds * 1000).toISOString(), share })
  if (from === 1) return start === 0 ? undefined : [step(start, 1)]
  return minutes === 0 ? [step(start, from)] : [step(start, from), step(start + minutes * 60, 1)]
}
