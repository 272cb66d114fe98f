#!/usr/bin/env node
/** The command line: runs one command, and turns failures into exit codes. */
import { Command, CommanderError } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { examplesOf } from './examples.ts'
import { registerEndpoint, registerGuard, registerReview } from './options.ts'
import { notice, noticeError, showText } from './terminal.ts'

registerEndpoint(async (options) => (await import('../publish-api/cli.ts')).openEndpoint(options))
registerReview(async (options) => (await import('../fallbacks/cli/review.ts')).reviewOf(options))
registerGuard(async (options) => (await import('../guard/cli.ts')).openGuard(options))

/** In the order of help. Only the command that runs is loaded. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('../catalog/cli/store.ts')).initCommand(),
  publish: async () => (await import('../channels/cli/publish.ts')).publishCommand(),
  promote: async () => (await import('../channels/cli/release.ts')).promoteCommand(),
  adopt: async () => (await import('../mirroring/cli/adopt.ts')).adoptCommand(),
  ramp: async () => (await import('../channels/cli/release.ts')).rampCommand(),
  window: async () => (await import('../channels/cli/release.ts')).windowCommand(),
  target: async () => (await import('../channels/cli/release.ts')).targetCommand(),
  hold: async () => (await import('../channels/cli/release.ts')).holdCommand(),
  unhold: async () => (await import('../channels/cli/release.ts')).unholdCommand(),
  withdraw: async () => (await import('../channels/cli/release.ts')).withdrawCommand(),
  rollback: async () => (await import('../channels/cli/release.ts')).rollbackCommand(),
  floor: async () => (await import('../channels/cli/release.ts')).floorCommand(),
  'dead-end': async () => (await import('../channels/cli/release.ts')).deadEndCommand(),
  channel: async () => (await import('../channels/cli/channel.ts')).channelCommand(),
  follow: async () => (await import('../channels/cli/release.ts')).followCommand(),
  history: async () => (await import('../catalog/cli/store.ts')).historyCommand(),
  prune: async () => (await import('../channels/cli/release.ts')).pruneCommand(),
  fleet: async () => (await import('../fleet/cli/fleet.ts')).fleetCommand(),
  report: async () => (await import('../fleet/cli/fleet.ts')).reportCommand(),
  webhook: async () => (await import('../webhook/cli.ts')).webhookCommand(),
  lock: async () => (await import('../locks/cli/lock.ts')).lockCommand(),
  mirror: async () => (await import('../mirroring/cli.ts')).mirrorCommand(),
  export: async () => (await import('../mirroring/cli.ts')).exportCommand(),
  import: async () => (await import('../mirroring/cli.ts')).importCommand(),
  serve: async () => (await import('../runtime/cli.ts')).serveCommand(),
  show: async () => (await import('../channels/cli/channel.ts')).showCommand(),
  explain: async () => (await import('../checks/cli/explain.ts')).explainCommand(),
  'client-config': async () => (await import('../clients/cli/client-config.ts')).clientConfigCommand(),
  verify: async () => (await import('../catalog/cli/store.ts')).verifyCommand(),
  doctor: async () => (await import('../doctor/cli.ts')).doctorCommand(),
  policy: async () => (await import('../publish-api/cli.ts')).policyCommand(),
  refresh: async () => (await import('../catalog/cli/store.ts')).refreshCommand(),
  root: async () => (await import('../catalog/cli/root.ts')).rootCommand(),
  keygen: async () => (await import('../catalog/cli/store.ts')).keygenCommand(),
  start: async () => (await import('../runtime/cli.ts')).startCommand(),
}

/** Subcommands of rooms that stand on the room of the command. */
const subcommands: Readonly<Record<string, () => Promise<Command>>> = {
  fleet: async () => (await import('../fallbacks/cli/forgive.ts')).forgiveCommand(),
}

const examples = `Examples:
  platte init --store file:/var/lib/platte --keys /etc/platte/keys \\
         --root-keys /media/usb/root-keys
  platte publish flatcar_production_update.gz --channel stable \\
         --app e96281a6-d1af-4bde-9a0a-97b76e56dc57 \\
         --version 4152.2.0 --board amd64-usr --create
  platte promote 4152.2.0 --from alpha --to beta --ramp-over 48h
  platte hold 4152.2.0 --channel stable --reason https://example.org/boot-loop
  platte explain --channel stable --version 4081.2.0 --board amd64-usr
  platte fleet status
  platte lock status --group workers
  platte mirror https://updates.example.org --store file:/var/lib/platte \\
         --watch 10m
  platte serve
`

const program = new Command('platte')
  .description('An Omaha update endpoint that answers from signed channel manifests in object storage.')
  .addHelpText('after', `\n${examples}`)
  .version(manifest.version, '-V, --version')
  .enablePositionalOptions()
  .showHelpAfterError('hint: platte --help, or platte COMMAND --help')
  .exitOverride()
const [word = ''] = process.argv.slice(2)
const wanted = Object.entries(commands).filter(([name]) => name === word || !Object.hasOwn(commands, word))
for (const [name, make] of wanted) {
  const made = await make()
  const sub = await subcommands[name]?.()
  program.addCommand(sub ? made.addCommand(sub) : made)
}
prepare(program, 'platte')

/** Errors point to the help of their command. */
function prepare(one: Command, path: string): void {
  one.configureOutput({ writeOut: (text) => showText(text) })
  one.configureHelp({ subcommandTerm: (sub) => `${sub.name()} ${sub.usage().replace(/\[(options|command)\] ?/g, '')}` })
  for (const sub of one.commands) {
    const name = `${path} ${sub.name()}`
    sub.showHelpAfterError(`hint: see ${name} --help`).addHelpText('after', examplesOf(name))
    prepare(sub, name)
  }
}

/** 0 done, 1 failed, 2 usage, 3 refused by policy, 4 credentials, 5 verification failed. */
const exitCodes: Readonly<Record<ErrorCode, 1 | 2 | 3 | 4 | 5>> = {
  ...{ 'bad-request': 1, 'too-large': 1, 'unsupported-encoding': 1, 'store-unavailable': 1, 'issuer-unavailable': 1 },
  ...{ usage: 2, configuration: 2 },
  ...{ refused: 3, conflict: 3 },
  ...{ credentials: 4, forbidden: 4, unauthorized: 4 },
  ...{ 'bad-document': 5, 'bad-signature': 5, expired: 5, 'from-the-future': 5 },
  ...{ rollback: 5, fork: 5, mismatch: 5, missing: 5 },
}

function fail(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (!(error instanceof PlatteError)) {
    notice(`error: a defect: ${error instanceof Error ? error.stack : error}`)
    return 1
  }
  noticeError(error)
  return exitCodes[error.code]
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = fail(error)
}
