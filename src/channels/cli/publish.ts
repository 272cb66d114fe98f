import type { Command } from 'commander'
import { withApp } from '../../cli/app.ts'
import * as cli from '../../cli/options.ts'
import { progress } from '../../cli/progress.ts'
import { openEndpoint } from '../../cli/registered.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { describeInstaller, type InstallerOptions, installerOptions, patchesOf } from '../../crx/cli/installer.ts'
import { completeByCrx } from '../../crx/cli/publish.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { checkOrder } from '../../documents/channel.ts'
import { detailsIn, maxReleasesBytes, type ReleaseDetails } from '../../documents/releases-json.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { defined, parseJsonObject } from '../../kernel/json.ts'
import { judged, judgeSignature, type PayloadCheck } from '../../payload/check.ts'
import type { PayloadKey, Signed } from '../../payload/keys.ts'
import type { Image } from '../../release/channel.ts'
import { changeLine } from '../../release/diff.ts'
import { readShort, readShortText } from '../../runtime/files.ts'
import { nodeHasher } from '../../runtime/hasher-node.ts'
import { sharedFolder } from '../../url-files/release-files.ts'
import { readCommand } from '../commands.ts'
import { risingOver } from '../execute-command.ts'
import { needsPayload } from '../payload.ts'
import { describe, type PublishResult, planPublish, publish } from '../publish.ts'
import type { ReleaseOrder } from '../release-edit.ts'
import { digestsOf, type Source } from '../staging.ts'
import { marksOf, placing } from './editing.ts'
import { type ImageOptions, imageOf, imageOptions } from './image.ts'
import { type OnDisk, onDisk, openSources } from './sources.ts'

type Texts = Partial<Record<'components' | 'notes' | 'releasesJson' | 'rampOver' | 'from' | 'reason', string>>
type Switches = Partial<
  Record<
    'createBoard' | 'raw' | 'replace' | 'ignoreHolds' | 'belowNewest' | 'withFloors' | 'skipFloors' | 'floor' | 'held',
    true
  >
>

interface PublishOptions
  extends cli.Options,
    Pick<ReleaseOrder, 'channel' | 'version' | 'board'>,
    InstallerOptions,
    ImageOptions,
    Texts,
    Switches {
  readonly cve?: readonly string[]
  readonly create?: boolean
  readonly dryRun?: boolean
  readonly reference?: true
}

const { collect, command, parseDuration } = cli

export function publishCommand(): Command {
  const made = command('publish', 'publish a release for one board', [...cli.writeFlags, ...cli.endpointFlags, 'app'])
  return placing(imageOptions(installerOptions(made)))
    .argument('[file]', 'the OS package: the payload that update_engine installs; a file or a URL')
    .argument('[extra...]', 'further packages of the same release, such as oem-azure.gz')
    .requiredOption('--channel <channel>', 'the channel it goes into')
    .option('--version <version>', 'its version, such as 4152.2.0; a CRX3 has it in its manifest')
    .option('--board <board>', 'its board, such as amd64-usr or win-x64; `any` for a CRX3')
    .option('--components <file>', 'JSON file of component versions: {"kernel":"6.12.102"}')
    .option('--notes <place>', 'Markdown release notes: a file or a URL')
    .option('--cve <cve>', 'a CVE that it fixes; repeatable', collect)
    .option(
      '--releases-json <place>',
      "Flatcar's or CoreOS's list of releases: components, notes and CVEs not given otherwise",
    )
    .option('--ramp-over <duration>', 'ramp a new release from 0 to 100 % over this time, such as 48h', parseDuration)
    .option('--from <instant>', 'offer a new release from this instant on', cli.parseInstant)
    .option('--held', 'withhold a new release until `platte withdraw VERSION --undo`')
    .option('--create', 'create the channel if it does not exist')
    .option('--create-board', 'give the app a board that it does not have')
    .option('--raw', 'allow packages that update_engine would refuse')
    .option('--reference', 'leave the packages at their URLs, from where machines download them')
    .option('--replace', 'put other files in the place of a version that was always withheld')
    .option('--ignore-holds', 'publish a version that another channel of the app holds or withdrew')
    .option('--dry-run', 'check everything and print what would change; write nothing')
    .action(publishFiles)
}

async function publishFiles(
  file: string | undefined,
  others: readonly string[],
  given: Omit<PublishOptions, 'version' | 'board'> & Partial<PublishOptions>,
  made: Command,
): Promise<void> {
  const files = [...(file === undefined ? [] : [file]), ...others, ...patchesOf(given).map((one) => one.file)]
  const image = imageOf(given, files)
  const codebases = given.reference ? [sharedFolder(files)] : undefined
  const opened = await openSources(files)
  const options = await withApp(await completeByCrx(given, opened[0], file))
  const endpoint = await openEndpoint(options)
  const sources = await describeInstaller(opened, options, endpoint?.url)
  const { channel, version, board, create = false, createBoard, raw, replace, ignoreHolds, from } = options
  const { belowNewest, withFloors, skipFloors, floor, held, reason } = options
  const marks = marksOf(defined({ belowNewest, withFloors, skipFloors, floor, held, reason }))
  const details = {
    ...defined({ createBoard, raw, replace, ignoreHolds, from, ...marks }),
    ...(await readDetails(options)),
  }
  if (endpoint && codebases)
    throw new PlatteError(
      'usage',
      '--reference needs the release key: a publish function signs only what it has read',
      {
        hint: 'leave --reference out, or publish from a machine with the key and without --endpoint',
      },
    )
  const release = { channel, version, board, create, ...details, ...defined({ codebases, image }) }
  const nameOf = (path: string): string => files[Number(/^files\.(\d+)/.exec(path)?.[1])] ?? cli.flagOf(made)(path)
  checkOrder({ ...release, app: options.app, files: sources }, nameOf)
  const result = await (endpoint
    ? onDisk(files, sources, (there) => publishThere(endpoint, there, release, options))
    : publishHere(sources, release, options))
  const { changes = [], effects = [], warnings = [] } = result
  for (const warning of warnings) notice(`warning: ${warning}`)
  show(options.json, result, [...changes.map(changeLine), ...effects, sentenceOf(result, options)])
}

type Release = Omit<ReleaseOrder, 'app'> & { readonly image?: Image }

async function publishHere(sources: readonly Source[], release: Release, options: PublishOptions) {
  const { store, settings } = await cli.openStoreOf(options, warn, ['app'])
  const { rampOver: over, dryRun = false } = options
  if (!dryRun) await refuseUnsafe(store)
  const ramp = risingOver(over, release.from === undefined ? store.clock() : Date.parse(release.from))
  const order = { ...release, app: settings.app, sources, ...defined({ ramp }) }
  const bar = progress(dryRun ? 'hashing' : 'publishing', sum(sources))
  return (dryRun ? planPublish : publish)(store, order, bar.add).finally(bar.end)
}

/** Uploads what the publish function lacks. */
async function publishThere(
  endpoint: cli.Endpoint,
  { files, sources }: OnDisk,
  order: Release,
  options: PublishOptions,
) {
  const { notes, create, ...release } = order
  const { app } = cli.settingsOf(options, ['app'])
  const { rampOver, dryRun } = options
  const bar = progress('uploading', 2 * sum(sources))
  const judge: ((keys: readonly PayloadKey[]) => Promise<void>)[] = []
  try {
    const hashed = []
    for (const [i, source] of sources.entries()) {
      const judged = judgedLater(source, { isExtra: i > 0, isRequired: () => i === 0 && needsPayload(app) })
      hashed.push(await digestsOf(release.raw ? source : judged, nodeHasher, bar.add))
      judge.push(judged.judge)
    }
    const packages = release.image ? undefined : describe(sources, hashed)
    const texts = { rampOver, create: create || undefined, notes: notes && new TextDecoder().decode(notes) }
    const command = readCommand('publish', { ...release, app, ...defined({ ...texts, packages }) })
    const planned = await endpoint.send<PublishResult>(command, { dryRun: true })
    // What is refused is refused before anything is uploaded.
    for (const one of judge) await one(planned.payloadKeys ?? [])
    if (dryRun) return planned
    const { channel, version, board } = release
    const paths = new Map(sources.map(({ name }, i) => [name, files[i] ?? '']))
    const raw = release.raw && { raw: true as const }
    if (packages)
      await endpoint.upload({ app, channel, version, board, packages, ...raw }, { files: paths, onBytes: bar.add })
    return await endpoint.send<PublishResult>(command, {})
  } finally {
    bar.end()
  }
}

/** A payload, judged while it is read and, once the keys of its channel are known, by its signature. */
function judgedLater(source: Source, what: Pick<PayloadCheck, 'isExtra' | 'isRequired'>) {
  const check = { ...what, name: source.name, size: source.size, newHasher: nodeHasher }
  let signed: Signed | undefined
  const keep = (found: Signed | undefined): void => {
    signed = found
  }
  return {
    ...source,
    open: () => judged(source.open(), { ...check, keys: 'later' }, keep),
    judge: async (keys: readonly PayloadKey[]): Promise<void> => signed && judgeSignature(signed, { ...check, keys }),
  }
}

const sum = (sources: readonly Source[]): number => sources.reduce((total, { size }) => total + size, 0)

function sentenceOf(result: PublishResult, { version, board, channel, held }: PublishOptions): string {
  const { kind, seq, offered, signs, withheld } = result
  const release = `${version} for ${board}`
  if (signs === 'nothing')
    return `Dry run: nothing would change: ${release} is already published in ${channel} (revision ${seq}).`
  if (kind === 'dry-run') return `Dry run: ${release} would become revision ${seq} of ${channel}. Nothing written.`
  const live = offered ? '' : ' Live after the next refresh.'
  const offer = `platte withdraw ${version} --channel ${channel} --undo`
  if (kind === 'published' && held)
    return `Published ${release} in ${channel} (revision ${seq}), withheld: \`${offer}\` offers it.`
  if (kind === 'published' && withheld)
    return `Published ${release} in ${channel} (revision ${seq}), withheld: ${withheld}`
  if (kind === 'unchanged') return `No change: ${release} is already published in ${channel} (revision ${seq}).${live}`
  return `Published ${release} in ${channel} (revision ${seq}).${live || ' Live within 1 minute.'}`
}

/** What is given by itself takes the place of what the list of releases has. */
async function readDetails({ releasesJson: list, cve: cves, ...options }: PublishOptions): Promise<ReleaseDetails> {
  const components = options.components ? await readComponents(options.components) : undefined
  const notes = options.notes ? await readShort(options.notes) : undefined
  const found = list === undefined ? {} : detailsIn(await readShort(list, maxReleasesBytes), options, list)
  if (found) return { ...found, ...defined({ cves, components, notes }) }
  throw new PlatteError('usage', `${list} has no release ${options.version}`, {
    hint: 'name the list of the channel that the version was released in',
  })
}

async function readComponents(file: string): Promise<Record<string, string>> {
  const value = parseJsonObject(await readShortText(file))
  const isText = (version: unknown) => typeof version === 'string'
  if (value && Object.values(value).every(isText)) return value as Record<string, string>
  throw new PlatteError('usage', `${file} must be a JSON object of versions, such as {"kernel":"6.12.102"}`)
}
