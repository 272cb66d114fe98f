/** `platte fleet`: which machine runs what, what is downloading, waiting, failing or silent. */
import { setTimeout } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { command, oneOf, openReadingOf, parseCount, parseDuration, settingsOf } from '../../cli/options.ts'
import { openGuard } from '../../cli/registered.ts'
import { notice, show, table, warn } from '../../cli/terminal.ts'
import { durationMs, isInstant } from '../../documents/fields.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { openFollower } from '../follow.ts'
import { keepProjection } from '../kept.ts'
import { states } from '../machine.ts'
import { openProjection } from '../projection.ts'
import type { MachineFilter } from '../reader.ts'
import { type FleetOptions, openFleet, projectionOptions } from './open.ts'
import { changeJson, changeLine, machineJson, machineLines, releaseLines, statusLines, statusOf } from './words.ts'

const flags = ['store', 'root', 'app', 'fleetFile', 'fleetKeep', 'fleetIds'] as const
const parseSince = (value: string): string => (isInstant(value) ? value : parseDuration(value))

const reading = (name: string, description: string): Command =>
  command(name, description, flags).addOption(
    new Option('--since <time>', 'without a projection: read events of this long, such as 7d, or since an instant')
      .argParser(parseSince)
      .default('PT24H', '24h'),
  )

export function fleetCommand(): Command {
  const fleet = new Command('fleet').description('see which machine runs what, and how updates go').exitOverride()
  for (const one of [statusCommand('status'), machinesCommand(), machineCommand(), releaseCommand()])
    fleet.addCommand(one)
  return fleet.addCommand(followCommand(), { isDefault: true })
}

/** The same as `fleet status`. */
export const reportCommand = (): Command => statusCommand('report')

const statusCommand = (name: string): Command =>
  reading(name, 'show machines by channel, version and state')
    .argument('[files...]', "files of a server's log, or - for what is piped in")
    .option('--channel <channel>', 'only this one')
    .action(async (files: readonly string[], options: FleetOptions & { readonly channel?: string }) => {
      const { app } = settingsOf(options, [])
      const status = statusOf(await openFleet(options, files), { app, channel: options.channel })
      show(options.json, status, statusLines(status))
    })

type MachinesOptions = FleetOptions &
  Omit<MachineFilter, 'silentSince'> & { readonly silent?: string; readonly limit: number; readonly page: number }

const machinesCommand = (): Command =>
  reading('machines', 'list machines')
    .option('--channel <channel>', 'that ask for this one')
    .option('--running <version>', 'that run this version')
    .option('--state <state>', `in this state: ${states.join(', ')}`, oneOf(states))
    .option('--oem <oem>', 'of this platform, such as azure')
    .option('--silent <duration>', 'without a contact for this long, such as 24h', parseDuration)
    .option('--search <text>', 'with this text in their id or alias')
    .option('--limit <count>', 'how many at once', parseCount, 100)
    .option('--page <number>', 'which of the pages, from 1', parseCount, 1)
    .action(async (options: MachinesOptions & { readonly running?: string }) => {
      const { fleet, now } = await openFleet(options, [])
      const { channel, state, oem, search, silent, limit, page } = options
      const filter = {
        ...{ app: settingsOf(options, []).app, channel, version: options.running, state, oem, search },
        silentSince: silent === undefined ? undefined : now - durationMs(silent),
      }
      const machines = fleet.machines(filter, { limit, offset: (page - 1) * limit })
      const count = fleet.howMany(filter)
      const more =
        count > page * limit ? [`${machines.length} of ${count} machines; --page ${page + 1} shows more`] : []
      const lines = count === 0 ? ['no machines'] : [...table(machineLines(machines)), ...more]
      show(options.json, { count, machines: machines.map(machineJson) }, lines)
    })

const machineCommand = (): Command =>
  reading('machine', 'show a machine and its history')
    .argument('<id>', 'its id (/etc/machine-id), or its alias')
    .action(async (id: string, options: FleetOptions) => {
      const { fleet, idOf } = await openFleet(options, [])
      const found = fleet.machine(idOf(id))
      if (found.length === 0)
        throw new PlatteError('refused', `no machine ${id} is known`, {
          hint: 'platte fleet machines --search finds machines by a part of their id or alias',
        })
      const lines = found.flatMap((one) => [...table(machineLines([one])), ...one.changes.map(changeLine)])
      const data = found.map(({ changes, ...one }) => ({ ...machineJson(one), changes: changes.map(changeJson) }))
      show(options.json, data, lines)
    })

const releaseCommand = (): Command =>
  reading('release', 'show how far machines came with a release')
    .argument('<version>', 'the version of the release')
    .action(async (version: string, options: FleetOptions) => {
      const { fleet } = await openFleet(options, [])
      const found = fleet.release(version, settingsOf(options, []).app)
      show(
        options.json,
        found,
        found.length === 0 ? [`no machine was offered ${version}`] : found.flatMap(releaseLines),
      )
    })

const followCommand = (): Command =>
  command('follow', 'bring the projection up to date with the events of the store', [...flags, 'keys', 'timestampKey'])
    .option('--watch <duration>', 'repeat at this interval, such as 30s or 1m, until stopped', parseWatch)
    .action(async (options: FleetOptions & { readonly watch?: number }) => {
      const { fleetFile } = settingsOf(options, ['fleetFile'])
      const { store } = await openReadingOf(options, warn)
      const projecting = projectionOptions(options)
      const guard = await openGuard(options)
      const stop = new AbortController()
      const isStopped = () => stop.signal.aborted
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
      const report = (files: number): void => show(options.json, { files }, [`files of events read: ${files}`])
      const pass = openFollower(store.documents, projecting)
      if (options.watch === undefined) {
        const projection = openProjection(fleetFile, projecting)
        report(await pass(projection, isStopped).finally(() => projection.close()))
        return await guard?.()
      }
      const kept = keepProjection(fleetFile, projecting, ({ problem }) => notice(`error: ${problem}`))
      while (!isStopped()) {
        await kept.use('follow', async (fleet) => {
          const files = await pass(fleet, isStopped)
          if (files > 0) report(files)
        })
        await guard?.()
        await kept.upkeep()
        await setTimeout(options.watch, undefined, { signal: stop.signal }).catch(() => {})
      }
      kept.close()
    })

const parseWatch = (text: string): number =>
  /^\d{1,5}s$/.test(text) ? Number(text.slice(0, -1)) * 1000 : durationMs(parseDuration(text))
