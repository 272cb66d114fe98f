import type { Command } from 'commander'
import { liveChannels } from '../../channels/live.ts'
import { withApp } from '../../cli/app.ts'
import { command, type Options, oneOf, openReadingOf, readFlags, settingsOf } from '../../cli/options.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { isBoard, isName, isPackage } from '../../documents/fields.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { readShort } from '../../runtime/files.ts'
import { checkUpdateConf, type Deployment } from '../check.ts'
import type { Format, Wrong } from '../config.ts'
import { formats, formatsOf, isHarmless, pathOf, readClientConfig, renderClientConfig, restartOf } from '../config.ts'
import { extensionPolicyPath, isExtension, renderExtensionPolicy } from '../extension.ts'
import { renderTransfer } from '../transfer.ts'
import { readZincati, renderZincati, zincatiFormats, zincatiPath } from '../zincati.ts'

type Optional = 'channel' | 'windowStart' | 'windowLength' | 'lock' | 'check' | 'transfer' | 'board'
type OfZincati = 'group' | 'wariness'
interface ConfigOptions extends Options, Readonly<Partial<Record<Optional | OfZincati, string>>> {
  readonly format?: Format | 'zincati'
  readonly system: string
  readonly strategy: string
}

export function clientConfigCommand(): Command {
  const flags = [...readFlags, 'app', 'publicUrl'] as const
  return command('client-config', 'write the configuration of a machine, or check one', flags)
    .option('--channel <channel>', 'its channel: what it has as GROUP')
    .option('--format <format>', `one of ${allFormats.join(', ')}`, oneOf(allFormats))
    .option('--system <system>', 'flatcar, coreos, fcos (Fedora CoreOS), or chromium', 'flatcar')
    .option(
      '--strategy <strategy>',
      'when it reboots: reboot, etcd-lock or off; on fcos immediate, fleet_lock or periodic',
      'reboot',
    )
    .option('--window-start <time>', 'when it may reboot, its local time: 04:00, or "Thu 04:00"')
    .option('--window-length <length>', 'and for how long: 1h, 90m')
    .option('--lock <url>', 'what takes the place of etcd, for etcd-lock; on fcos the FleetLock server')
    .option('--group <group>', 'on fcos: its group, for reboot locks')
    .option('--wariness <share>', 'on fcos: when in a ramp it updates, from 0 (first) to 1 (last)')
    .option('--transfer <name>', 'a package, for systemd-sysupdate to update on the machine: docker.raw')
    .option('--board <board>', 'the board of that package')
    .option('--check <file>', 'find the mistakes in an update.conf')
    .action((options: ConfigOptions) => {
      if (options.check !== undefined) return check(options, options.check)
      if (options.transfer !== undefined) return writeTransfer(options, options.transfer)
      if (options.system === 'chromium') return writeExtensionPolicy(options)
      return options.system === 'fcos' ? writeZincati(options) : write(options)
    })
}

const allFormats = [...formats, 'zincati'] as const

async function writeZincati(options: ConfigOptions): Promise<void> {
  const {
    format: asked = 'butane',
    strategy,
    lock,
    group,
    wariness,
    windowStart: start,
    windowLength: length,
  } = options
  const { publicUrl: url } = settingsOf(options, ['publicUrl'])
  const format = zincatiFormats.find((one) => one === asked)
  if (format === undefined) throw cannotBe('fcos', asked, zincatiFormats)
  if (options.channel !== undefined)
    throw new PlatteError('usage', '--channel: Fedora CoreOS asks for the channel that its stream is called', {
      hint: 'leave --channel out; name the channel, or an alias of it, like the stream',
    })
  const config = readZincati({ url, strategy, lock, start, length, group, wariness })
  if (!('strategy' in config)) throw new PlatteError('usage', config.join('; '))
  const text = renderZincati(format, config)
  show(options.json, { format, ...config, text }, [text.trimEnd()])
  if (format === 'zincati') notice(`hint: this is ${zincatiPath}; after a change: sudo systemctl restart zincati`)
}

const cannotBe = (system: string, format: string, known: readonly string[]): PlatteError =>
  new PlatteError('usage', `${system} cannot be set up by ${format}`, { hint: `use one of ${known.join(', ')}` })

async function writeTransfer(options: ConfigOptions, file: string): Promise<void> {
  const { publicUrl: url = '', app = '' } = settingsOf(options, ['publicUrl', 'app'])
  const { channel = '', board = '' } = options
  const wrong = [
    isName(channel) ? [] : '--channel is missing or no channel name',
    isBoard(board) ? [] : '--board is missing or no board, such as x86-64',
    isPackage(file.replace('@v', '1')) ? [] : '--transfer is no name of a package, such as docker.raw',
  ].flat()
  if (wrong.length > 0) throw new PlatteError('usage', wrong.join('; '))
  const text = renderTransfer({ url, app, channel, board, file })
  show(options.json, { app, channel, board, text }, [text.trimEnd()])
  notice('hint: put it at /etc/sysupdate.d/NAME.conf (.transfer from systemd 257), then run systemd-sysupdate update')
}

async function writeExtensionPolicy(options: ConfigOptions): Promise<void> {
  const { publicUrl: url = '', app = '' } = settingsOf(options, ['publicUrl', 'app'])
  const { channel } = options
  const wrong = [
    isExtension(app) ? [] : '--app is no id of an extension: 32 letters from a to p',
    channel === undefined || isName(channel) ? [] : '--channel is no channel name',
  ].flat()
  if (wrong.length > 0) throw new PlatteError('usage', wrong.join('; '))
  const text = renderExtensionPolicy({ url, app, channel })
  show(options.json, { app, ...(channel && { channel }), text }, [text.trimEnd()])
  notice(`hint: on Linux this is ${extensionPolicyPath}; Chromium reads it when it starts`)
}

async function write(options: ConfigOptions): Promise<void> {
  const { channel, format: asked = 'update.conf', system, strategy, windowStart, windowLength, lock } = options
  const ofZincati = (['group', 'wariness'] as const).find((name) => options[name] !== undefined)
  if (ofZincati) throw new PlatteError('usage', `--${ofZincati} is for --system fcos`)
  const { publicUrl } = settingsOf(options, ['publicUrl'])
  const answers = { group: channel, system, strategy, start: windowStart, length: windowLength, lock, url: publicUrl }
  const read = readClientConfig(answers)
  if ('wrong' in read) throw new PlatteError('usage', read.wrong.map((one) => mistakes[one]).join('; '))
  const { config, wasBestEffort } = read
  if (wasBestEffort) notice(`warning: best-effort was removed in locksmith 0.6; this is ${config.strategy} instead`)
  const format = formatsOf(config.system).find((one) => one === asked)
  if (format === undefined) throw cannotBe(system, asked, formatsOf(config.system))
  const { groups } = await deploymentOf(options)
  if (!isHarmless(config.group) && !groups?.includes(config.group))
    throw new PlatteError('usage', `--channel is no channel or alias here: ${JSON.stringify(config.group)}`, {
      hint: 'a text with blanks or signs must be an alias in the store: name it with --store, --root and --app',
    })
  if (groups !== undefined && !groups.includes(config.group))
    notice(`warning: there is no channel ${config.group} here: a machine with it would be offered nothing`)
  const text = renderClientConfig(format, config)
  show(options.json, { format, ...config, text }, [text.trimEnd()])
  if (format === 'update.conf')
    notice(`hint: this is ${pathOf(config.system)}; after a change: sudo ${restartOf(config.system)}`)
}

/** What is wrong with an option. */
const mistakes: Readonly<Record<Wrong, string>> = {
  system: '--system is flatcar, coreos, fcos or chromium',
  group: '--channel is missing or not a channel name or alias',
  url: '--public-url is not a plain http(s) URL',
  strategy: '--strategy is reboot, etcd-lock or off',
  window: '--window-start and --window-length need each other',
  start: '--window-start is a time such as 04:00, or "Thu 04:00"',
  length: '--window-length is a length such as 1h or 90m, shorter than a day, or than a week for one day',
  lock: '--lock is not a plain http(s) URL',
}

async function check(options: ConfigOptions, file: string): Promise<void> {
  const bytes = await readShort(file)
  const deployment = await deploymentOf(options)
  if (deployment.groups === undefined) notice('note: without PLATTE_STORE and PLATTE_ROOT, GROUP is not compared')
  const found = checkUpdateConf(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), deployment)
  const lines = found.flatMap(({ line, problem, fix }) => [
    `${file}${line > 0 ? `:${line}` : ''}: ${problem}`,
    `    ${fix}`,
  ])
  show(options.json, found, found.length > 0 ? lines : [`${file}: no mistake found`])
  if (found.length === 0) return
  throw new PlatteError('bad-request', `${found.length} ${found.length === 1 ? 'mistake' : 'mistakes'} in ${file}`, {
    hint: '`platte client-config --channel NAME` writes one without',
  })
}

/** What the settings say of the deployment; its channels where there is a store to read. */
async function deploymentOf(options: Options): Promise<Deployment> {
  const { publicUrl: url, store, pin } = settingsOf(options, [])
  const own = url ? { url } : {}
  if (!(store && pin)) return own
  const { app } = await withApp(options)
  const reader = await openReadingOf(options, warn)
  const channels = await liveChannels(reader.store, app)
  return { ...own, groups: channels.flatMap(({ channel, aliases = [] }) => [channel, ...aliases]) }
}
