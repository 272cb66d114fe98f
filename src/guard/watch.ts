/** Holds the releases that fail too often. It only withholds: nothing here lifts a hold. Several processes may do this. */
import type { DatabaseSync } from 'node:sqlite'
import { type CatalogCache, currentCatalog, findChannel, reload } from '../catalog/cache.ts'
import type { LoadedChannel } from '../catalog/channels.ts'
import { change } from '../channels/commit.ts'
import { holdEdit } from '../channels/execute-command.ts'
import type { BrakeEdit, Committer } from '../channels/plan.ts'
import type { Gauge } from '../checks/serving.ts'
import { openForReading } from '../fleet/database.ts'
import { describeError } from '../kernel/log.ts'
import { isSameHold } from '../release/edits.ts'
import { type Judged, judgeChannel, type LastCounted } from './judge.ts'
import { liftedAt } from './lifted.ts'
import { hasMachines } from './rollouts.ts'

interface Guarding {
  readonly cache: CatalogCache
  /** The store with the keys at hand. Without a timestamp key, what would be held is only reported. */
  readonly writer: Committer
  /** The projection of the fleet. */
  readonly file: string
}

/** `held`: by this process. `reported`: without a timestamp key. `failed`: the store or the root did not allow it. */
const outcomes = ['held', 'reported', 'failed'] as const
const holdsGauge = {
  name: 'platte_guard_holds',
  help: 'Releases that the guard of this process held, or would have, since the start.',
  label: 'outcome',
}
const failingGauge = {
  name: 'platte_guard_failed_machines',
  help: 'Machines that fail with the release of a guarded channel with which most fail.',
  label: 'channel',
}
/** Channels in the metrics. */
const maxChannels = 100
/** What was logged once, and is not again. */
const maxSaid = 1_000

export interface Watch {
  /** Judges everything once. Never throws. */
  once(): Promise<void>
  gauges(): readonly Gauge[]
}

export function openWatch({ cache, writer, file }: Guarding): Watch {
  const counts = new Map<string, number>(outcomes.map((outcome) => [outcome, 0]))
  const last: LastCounted = new Map()
  const said = new Set<string>()
  let failing: ReadonlyMap<string, number> = new Map()

  const sayOnce = (level: 'warn' | 'error', fields: Readonly<Record<string, string>>): void => {
    const text = JSON.stringify(fields)
    if (said.has(text)) return
    if (said.size > maxSaid) said.clear()
    said.add(text)
    writer.log({ level, event: 'guard', ...fields })
  }
  const count = (outcome: (typeof outcomes)[number]): void => void counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  const hold = async (judged: Judged): Promise<void> => {
    const { app, channel, version, reason = '' } = judged
    const ref = { app, channel }
    try {
      const { kind } = await change(writer, holdOnce(judged), { by: { program: 'guard' } })
      if (kind !== 'changed') return
      count('held')
      writer.log({ level: 'warn', event: 'guard', ...ref, version, result: 'held', reason })
      await reload(cache, writer)
    } catch (error) {
      count('failed')
      sayOnce('error', { ...ref, version, ...describeError(error) })
    }
  }
  const report = ({ app, channel, version, reason = '' }: Judged): void => {
    const name = `${app} ${channel} ${version}`
    if (said.has(name)) return
    said.add(name)
    count('reported')
    writer.log({ level: 'warn', event: 'guard', app, channel, version, result: 'not held: no timestamp key', reason })
  }
  return {
    async once() {
      try {
        await currentCatalog(cache, writer, undefined)
        const judged = await judgeAll({ cache, writer, file }, last)
        failing = failingOf(judged)
        for (const one of judged)
          if (one.reason !== undefined) await (writer.timestamp.length > 0 ? hold(one) : report(one))
      } catch (error) {
        sayOnce('error', { ...describeError(error) })
      }
    },
    gauges: () => [
      { ...holdsGauge, values: counts },
      { ...failingGauge, values: failing },
    ],
  }
}

const failingOf = (judged: readonly Judged[]): ReadonlyMap<string, number> => {
  const byChannel = Map.groupBy(judged, ({ app, channel }) => `${app}/${channel}`)
  const most = [...byChannel].map(([name, all]) => [name, Math.max(...all.map(({ failed }) => failed))] as const)
  return new Map(most.sort(([, a], [, b]) => b - a).slice(0, maxChannels))
}

/** Changes nothing where the release is held already, or a hold was lifted since it was judged. */
function holdOnce({ app, channel, version, since, reason = '' }: Judged): BrakeEdit {
  const edit = holdEdit({ app, channel }, { version, reason })
  return {
    ...edit,
    brake: (current, state, at) => {
      const { entry, manifest } = current
      const isHeld = entry.holds?.some((one) => isSameHold(one, { version }))
      const isLifted = liftedAt(state.catalog.catalog.catalog.log, manifest, version) !== since
      return isHeld || isLifted || manifest.guard === undefined ? entry : edit.brake(current, state, at)
    },
  }
}

async function judgeAll(guarding: Guarding, last: LastCounted): Promise<readonly Judged[]> {
  const { cache, file } = guarding
  const database = openForReading(file)
  try {
    const channels = await guardedChannels(guarding, database)
    const log = cache.state?.catalog.catalog.log
    // What is read of one rollout is of one moment.
    database.exec('BEGIN')
    return channels.flatMap((one) => judgeChannel(database, one, log, last))
  } finally {
    database.close()
  }
}

/** Those that a machine asked for: a catalog may have many thousands. */
async function guardedChannels({ cache, writer }: Guarding, database: DatabaseSync) {
  const found: LoadedChannel[] = []
  for (const [app, { channels }] of cache.apps)
    for (const [channel, { aliases = [] }] of channels) {
      if (![channel, ...aliases].some((name) => hasMachines(database, app, name))) continue
      const loaded = await findChannel(cache, writer, { app, channel })
      if (!('reason' in loaded) && loaded.manifest.channel === channel && loaded.manifest.guard) found.push(loaded)
    }
  return found
}
