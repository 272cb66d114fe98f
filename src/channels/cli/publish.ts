import type { Command } from 'commander'
import * as cli from '../../cli/options.ts'
import { notice, progress, show, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { checkOrder } from '../../documents/channel.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { defined, parseJsonObject } from '../../kernel/json.ts'
import type { Package } from '../../release/channel.ts'
import { changeLine } from '../../release/diff.ts'
import { fileSource, readShort, startsLikePayload } from '../../runtime/files.ts'
import { nodeHasher } from '../../runtime/hasher-node.ts'
import { readCommand } from '../commands.ts'
import { risingOver } from '../execute-command.ts'
import { digestsOf, type PublishResult, planPublish, publish, type ReleaseOrder, type Source } from '../publish.ts'

interface PublishOptions extends cli.Options, Pick<ReleaseOrder, 'channel' | 'version' | 'board'> {
  readonly components?: string
  readonly notes?: string
  readonly cve?: readonly string[]
  readonly rampOver?: string
  readonly create?: boolean
  readonly dryRun?: boolean
}

const { collect, command, parseDuration } = cli

export function publishCommand(): Command {
  return command('publish', 'publish a release for one board', [...cli.writeFlags, ...cli.endpointFlags, 'app'])
    .argument('<file>', 'the OS package: the payload that update_engine installs')
    .argument('[extra...]', 'further packages of the same release, such as oem-azure.gz')
    .requiredOption('--channel <channel>', 'the channel it goes into')
    .requiredOption('--version <version>', 'its version, such as 4152.2.0')
    .requiredOption('--board <board>', 'its board, such as amd64-usr')
    .option('--components <file>', 'JSON file of component versions: {"kernel":"6.12.102"}')
    .option('--notes <place>', 'Markdown release notes: a file or a URL')
    .option('--cve <cve>', 'a CVE that it fixes; repeatable', collect)
    .option('--ramp-over <duration>', 'ramp a new release from 0 to 100 % over this time, such as 48h', parseDuration)
    .option('--create', 'create the channel if it does not exist')
    .option('--dry-run', 'check everything and print what would change; write nothing')
    .action(publishFiles)
}

async function publishFiles(
  file: string,
  others: readonly string[],
  options: PublishOptions,
  made: Command,
): Promise<void> {
  const files = [file, ...others] as const
  if (file.endsWith('update.gz') && !(await startsLikePayload(file)))
    notice(`warning: ${file} does not start with CrAU: update_engine refuses it as a payload`)
  const endpoint = await cli.openEndpoint(options)
  const { channel, version, board, cve: cves, create = false } = options
  const components = options.components ? await readComponents(options.components) : undefined
  const notes = options.notes ? await readShort(options.notes) : undefined
  const release = { channel, version, board, create, ...defined({ cves, components, notes }) }
  const sources = [await fileSource(file), ...(await Promise.all(others.map(fileSource)))] as const
  const nameOf = (path: string): string => files[Number(/^files\.(\d+)/.exec(path)?.[1])] ?? cli.flagOf(made)(path)
  checkOrder({ ...release, app: cli.settingsOf(options, []).app ?? 'any', files: sources }, nameOf)
  const result = await (endpoint
    ? publishThere(endpoint, { files, sources }, release, options)
    : publishHere(sources, release, options))
  for (const warning of result.warnings ?? []) notice(`warning: ${warning}`)
  show(options.json, result, [...(result.changes ?? []).map(changeLine), sentenceOf(result, options)])
}

type Sources = readonly [Source, ...Source[]]
type Files = Readonly<{ files: readonly string[]; sources: Sources }>
type Release = Omit<ReleaseOrder, 'app'>

async function publishHere(sources: Sources, release: Release, options: PublishOptions) {
  const { store, settings } = await cli.openStoreOf(options, warn, ['app'])
  const { rampOver: over, dryRun = false } = options
  if (!dryRun) await refuseUnsafe(store)
  const order = { ...release, app: settings.app, sources, ...defined({ ramp: risingOver(over, store.clock()) }) }
  const bar = progress(dryRun ? 'hashing' : 'publishing', sum(sources))
  return (dryRun ? planPublish : publish)(store, order, bar.add).finally(bar.end)
}

/** Uploads what the publish function lacks. */
async function publishThere(
  endpoint: cli.Endpoint,
  { files, sources }: Files,
  order: Release,
  options: PublishOptions,
) {
  const { notes, create, ...release } = order
  const { app } = cli.settingsOf(options, ['app'])
  const { rampOver, dryRun } = options
  const bar = progress('uploading', 2 * sum(sources))
  const packages: Package[] = []
  try {
    for (const source of sources)
      packages.push({ name: source.name, ...(await digestsOf(source, nodeHasher, bar.add)) })
    const texts = { rampOver, create: create || undefined, notes: notes && new TextDecoder().decode(notes) }
    const command = readCommand('publish', { ...release, app, packages, ...defined(texts) })
    const planned = await endpoint.send<PublishResult>(command, { dryRun: true })
    if (dryRun) return planned
    // What is refused is refused before anything is uploaded.
    const { channel, version, board } = release
    const paths = new Map(sources.map(({ name }, i) => [name, files[i] ?? '']))
    await endpoint.upload({ app, channel, version, board, packages }, { files: paths, onBytes: bar.add })
    return await endpoint.send<PublishResult>(command, {})
  } finally {
    bar.end()
  }
}

const sum = (sources: readonly Source[]): number => sources.reduce((total, { size }) => total + size, 0)

function sentenceOf({ kind, seq, offered, signs }: PublishResult, { version, board, channel }: PublishOptions): string {
  const release = `${version} for ${board}`
  if (signs === 'nothing')
    return `Dry run: nothing would change: ${release} is already published in ${channel} (revision ${seq}).`
  if (kind === 'dry-run') return `Dry run: ${release} would become revision ${seq} of ${channel}. Nothing written.`
  const live = offered ? '' : ' Live after the next refresh.'
  if (kind === 'unchanged') return `No change: ${release} is already published in ${channel} (revision ${seq}).${live}`
  return `Published ${release} in ${channel} (revision ${seq}).${live || ' Live within 1 minute.'}`
}

async function readComponents(file: string): Promise<Record<string, string>> {
  const value = parseJsonObject(new TextDecoder().decode(await readShort(file)))
  const isText = (version: unknown) => typeof version === 'string'
  if (value && Object.values(value).every(isText)) return value as Record<string, string>
  throw new PlatteError('usage', `${file} must be a JSON object of versions, such as {"kernel":"6.12.102"}`)
}
