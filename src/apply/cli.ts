/** `platte apply`, `platte diff` and `platte export-config`: channels as a file. */
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Confirmable, confirm, isConfirmed, isQuestion, yesOption } from '../cli/confirm.ts'
import * as cli from '../cli/options.ts'
import { openEndpoint } from '../cli/registered.ts'
import { notice, show, showText, warn } from '../cli/terminal.ts'
import { refuseUnsafe } from '../doctor/examine.ts'
import { PlatteError } from '../kernel/errors.ts'
import { changeLine } from '../release/diff.ts'
import { readShortText } from '../runtime/files.ts'
import { asAgreed, nameOf } from './agreed.ts'
import { checkConfig, maxConfigBytes } from './check.ts'
import { type Applied, commitApply, previewApply } from './commit.ts'
import type { Config } from './config.ts'
import { exportConfig } from './export.ts'
import { type ConfigFile, parseConfigFile, placed, renderConfig } from './file.ts'
import { type ApplyPlan, planApply } from './plan.ts'
import { questionsOf, type Summary } from './summary.ts'

type FileOptions = Confirmable & Readonly<{ prune?: true; dryRun?: true; detailedExitcode?: true }>

const pruneWords = 'also remove what the file does not mention of its apps'

export const applyCommand = (): Command =>
  cli
    .command('apply', 'change channels to what a file says', [...cli.writeFlags, ...cli.endpointFlags])
    .argument('<file>', 'TOML, or YAML where its name ends in .yaml; - for standard input')
    .option('--prune', pruneWords)
    .option('--dry-run', 'print what would change; write nothing')
    .option(...yesOption)
    .action(async (name: string, options: FileOptions) => {
      const file = await readConfigFile(name)
      const { applied, isShown } = await inFile(file, (config) => applyFile({ file, config }, options))
      print(options, applied, isShown)
    })

type Given = Readonly<{ file: ConfigFile; config: Config }>
type Done = Readonly<{ applied: Applied; isShown: boolean }>

async function applyFile(given: Given, options: FileOptions): Promise<Done> {
  const { propose, commit } = await openApplying(given, options)
  if (options.dryRun) return { applied: (await propose()).preview, isShown: false }
  if (isConfirmed(options)) return { applied: await commit(), isShown: false }
  return askAndCommit(propose, options)
}

/** A plan, its name, and what carries out no other. */
type Proposal = Readonly<{ preview: Applied; plan: string | undefined; commit: () => Promise<Applied> }>

interface Applying {
  propose(): Promise<Proposal>
  /** Whatever it changes. */
  commit(): Promise<Applied>
}

async function openApplying({ file, config }: Given, options: FileOptions): Promise<Applying> {
  const endpoint = await openEndpoint(options)
  const { prune = false } = options
  if (endpoint) {
    const send = (dryRun: boolean, plan?: string) =>
      endpoint.apply<Applied>({ config: file.value, prune, dryRun, ...(plan !== undefined && { plan }) })
    const propose = async () => {
      const preview = await send(true)
      return { preview, plan: preview.plan, commit: () => send(false, preview.plan) }
    }
    return { propose, commit: () => send(false) }
  }
  const { store } = await cli.openStoreOf(options, warn)
  const plan = () => planApply(store, { config, prune }, issueOf(store))
  const commit = async (planned: ApplyPlan) => {
    if (store.release.length > 0) await refuseUnsafe(store)
    return commitApply(store, planned)
  }
  const propose = async () => {
    const planned = await plan()
    return {
      preview: previewApply(planned),
      plan: nameOf(planned),
      commit: async () => commit(await planApply(store, asAgreed(planned).wish, issueOf(store))),
    }
  }
  return { propose, commit: async () => commit(await plan()) }
}

/** Where others changed what the file changes, people are asked again. */
async function askAndCommit(propose: () => Promise<Proposal>, options: FileOptions): Promise<Done> {
  let { preview, plan, commit } = await propose()
  for (let attempt = 1; ; attempt++) {
    const questions = questionsOf(preview)
    const isShown = isQuestion(questions, options)
    if (isShown) for (const line of linesOf(preview)) notice(line)
    await confirm(questions, options)
    try {
      return { applied: await commit(), isShown }
    } catch (error) {
      if (!(error instanceof PlatteError && error.code === 'conflict') || attempt === maxAttempts) throw error
      const next = await propose()
      if (isSamePlan(next.plan, plan)) throw error
      notice(`note: ${error.message}`)
      ;({ preview, plan, commit } = next)
    }
  }
}

const maxAttempts = 5
/** Of any instant. */
const isSamePlan = (one = '', other = ''): boolean => one.split(' ')[1] === other.split(' ')[1]

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
  const file = await parseConfigFile(name === '-' ? 'standard input' : name, text)
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

/** @param isShown whether its lines were shown with the question. */
function print(options: cli.Options, applied: Applied, isShown = false): void {
  const { channels, warnings = [] } = applied
  for (const warning of [...warnings, ...channels.flatMap((one) => one.warnings)]) notice(`warning: ${warning}`)
  const lines = isShown ? [] : [...linesOf(applied), ...questionsOf(applied)]
  show(options.json, applied, [...lines, outcomeOf(applied)])
}

function linesOf({ channels, apps, waiting = [] }: Summary): readonly string[] {
  return [
    ...apps.map(({ app, name }) => (name === '' ? `${app}: name: removed` : `${app}: name: ${name}`)),
    ...channels.flatMap(({ app, channel, kind: what, seq, changes, effects = [] }) => [
      `${app}/${channel} (${what}, revision ${seq})`,
      ...[...changes.map(changeLine), ...effects].map((line) => `  ${line}`),
    ]),
    ...waiting.map(({ app, channel, seq }) => `${app}/${channel}: revision ${seq} is signed, and not live yet`),
  ]
}
