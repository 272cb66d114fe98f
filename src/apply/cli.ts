/** `platte apply`, `platte diff` and `platte export-config`: channels as a file. */
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Confirmable, confirm, isConfirmed, yesOption } from '../cli/confirm.ts'
import * as cli from '../cli/options.ts'
import { openEndpoint } from '../cli/registered.ts'
import { notice, show, showText, warn } from '../cli/terminal.ts'
import { refuseUnsafe } from '../doctor/examine.ts'
import { PlatteError } from '../kernel/errors.ts'
import { changeLine } from '../release/diff.ts'
import { readShortText } from '../runtime/files.ts'
import { checkConfig, maxConfigBytes } from './check.ts'
import { type Applied, commitApply, previewApply } from './commit.ts'
import type { Config } from './config.ts'
import { exportConfig } from './export.ts'
import { type ConfigFile, parseConfigFile, placed, renderConfig } from './file.ts'
import { asAgreed, planApply } from './plan.ts'
import { type Summary, summaryOf } from './summary.ts'

type FileOptions = Confirmable & Readonly<{ prune?: true; dryRun?: true; detailedExitcode?: true }>

const pruneWords = 'also remove what the file does not mention of its apps'

export const applyCommand = (): Command =>
  cli
    .command('apply', 'change channels to what a file says', [...cli.writeFlags, ...cli.endpointFlags])
    .argument('<file>', 'TOML, or YAML where its name ends in .yaml')
    .option('--prune', pruneWords)
    .option('--dry-run', 'print what would change; write nothing')
    .option(...yesOption)
    .action(async (name: string, options: FileOptions) => {
      const file = await readConfigFile(name)
      print(
        options,
        await inFile(file, async (config) => {
          const endpoint = await openEndpoint(options)
          const { prune = false, dryRun = false } = options
          const isAsked = !dryRun && !isConfirmed(options)
          if (endpoint) {
            const send = (plan: boolean) => endpoint.apply<Applied>({ config: file.value, prune, dryRun: plan })
            if (isAsked) await confirm((await send(true)).reach, options)
            return send(dryRun)
          }
          const { store } = await cli.openStoreOf(options, warn)
          const planned = await planApply(store, { config, prune }, issueOf(store))
          if (dryRun) return previewApply(planned)
          if (isAsked) await confirm(summaryOf(planned).reach, options)
          if (store.release.length > 0) await refuseUnsafe(store)
          return commitApply(store, isAsked ? asAgreed(planned) : planned)
        }),
      )
    })

export const diffCommand = (): Command =>
  cli
    .command('diff', 'print what `platte apply` would change', cli.readFlags)
    .argument('<file>', 'the file of `platte apply`')
    .option('--prune', pruneWords)
    .option('--detailed-exitcode', 'exit with 2 where something would change, and with 1 after an error')
    .action(async (name: string, options: FileOptions) => {
      const file = await readConfigFile(name)
      const applied = await inFile(file, async (config) => {
        const { store } = await cli.openReadingOf(options, warn)
        return previewApply(await planApply(store, { config, prune: options.prune ?? false }, issueOf(store)))
      })
      print(options, applied)
      if (options.detailedExitcode && !isEmpty(applied)) process.exitCode = 2
    })

export const exportConfigCommand = (): Command =>
  cli
    .command('export-config', 'print the file of `platte apply` for the channels there are', [...cli.readFlags, 'app'])
    .option('--yaml', 'as YAML')
    .action(async (options: cli.Options & { readonly yaml?: true }) => {
      const { store, settings } = await cli.openReadingOf(options, warn)
      const value = await exportConfig(store, settings.app)
      if (options.json) show(true, value, [])
      else showText(await renderConfig(value, options.yaml ? 'yaml' : 'toml'))
    })

const issueOf = ({ clock, operator }: { clock: () => number; operator?: string | undefined }) => ({
  at: clock(),
  ...(operator !== undefined && { provenance: { operator } }),
})

/** The paths of keys are relative to the file. */
async function readConfigFile(name: string): Promise<ConfigFile> {
  const text = await readShortText(name, maxConfigBytes)
  const file = await parseConfigFile(name, text)
  const readKey = async (key: unknown): Promise<unknown> => {
    if (typeof key !== 'string' || !/\.pem$/i.test(key)) return key
    return readShortText(resolve(dirname(name), key))
  }
  return { ...file, value: await withKeys(file.value, readKey) }
}

async function withKeys(value: unknown, read: (key: unknown) => Promise<unknown>): Promise<unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const members = Object.entries(value).map(async ([name, inner]) => [
    name,
    name === 'payload_keys' && Array.isArray(inner) ? await Promise.all(inner.map(read)) : await withKeys(inner, read),
  ])
  return Object.fromEntries(await Promise.all(members))
}

/** Errors that name a member get its line. */
async function inFile<T>(file: ConfigFile, work: (config: Config) => Promise<T>): Promise<T> {
  let config: Config
  try {
    config = checkConfig(file.value)
    return await work(config)
  } catch (error) {
    throw error instanceof PlatteError && /^(apps[.:]|the file:|[\w-]+: unknown)/.test(error.message)
      ? placed(file, error)
      : error
  }
}

const isEmpty = ({ apps, channels, waiting = [] }: Summary): boolean =>
  apps.length + channels.length + waiting.length === 0

const countOf = ({ length }: readonly unknown[]): string => `${length} ${length === 1 ? 'channel' : 'channels'}`

/** What is done, or would be, in one sentence or two. */
function outcomeOf({ apps, channels, waiting = [], kind, inForce }: Applied): string {
  const live = inForce ? 'Live within 1 minute.' : 'Live after the next refresh.'
  const rest = waiting.length === 0 ? '' : `${countOf(waiting)} signed before: `
  const isSame = apps.length + channels.length === 0
  if (isSame && rest === '') return 'No change: every channel is as the file says.'
  if (kind === 'dry-run')
    return isSame
      ? `${rest}not live yet. \`platte apply\` or the next refresh makes it live. Nothing written.`
      : `${countOf(channels)} would change. Nothing written.`
  return isSame ? `${rest}${live}` : `${countOf(channels)} changed. ${live}`
}

function print(options: cli.Options, applied: Applied): void {
  const { channels, apps, waiting = [], reach = [] } = applied
  for (const warning of channels.flatMap(({ warnings }) => warnings)) notice(`warning: ${warning}`)
  const lines = [
    ...apps.map(({ app, name }) => (name === '' ? `${app}: name: removed` : `${app}: name: ${name}`)),
    ...channels.flatMap(({ app, channel, kind: what, seq, changes, effects = [] }) => [
      `${app}/${channel} (${what}, revision ${seq})`,
      ...[...changes.map(changeLine), ...effects].map((line) => `  ${line}`),
    ]),
  ]
  lines.push(
    ...waiting.map(({ app, channel, seq }) => `${app}/${channel}: revision ${seq} is signed, and not live yet`),
  )
  show(options.json, applied, [...lines, ...reach, outcomeOf(applied)])
}
