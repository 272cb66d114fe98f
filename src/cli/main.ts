#!/usr/bin/env node
/** The command line: reads the words, runs one command, and turns failures into exit codes. */
import { Command, CommanderError } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { historyCommand } from '../catalog/cli/history.ts'
import { initCommand } from '../catalog/cli/init.ts'
import { keygenCommand } from '../catalog/cli/keygen.ts'
import { refreshCommand } from '../catalog/cli/refresh.ts'
import { rootCommand } from '../catalog/cli/root.ts'
import { verifyCommand } from '../catalog/cli/verify.ts'
import { deadEndCommand, floorCommand, holdCommand, unholdCommand, withdrawCommand } from '../channels/cli/brakes.ts'
import { channelCommand } from '../channels/cli/channel.ts'
import { rampCommand, targetCommand, windowCommand } from '../channels/cli/conditions.ts'
import { publishCommand } from '../channels/cli/publish.ts'
import { followCommand, promoteCommand, pruneCommand, rollbackCommand } from '../channels/cli/release.ts'
import { showCommand } from '../channels/cli/show.ts'
import { explainCommand } from '../checks/cli/explain.ts'
import { clientConfigCommand } from '../clients/cli/client-config.ts'
import { doctorCommand } from '../doctor/cli.ts'
import { reportCommand } from '../fleet/cli/report.ts'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { lockCommand } from '../locks/cli/lock.ts'
import { adoptCommand } from '../mirroring/cli/adopt.ts'
import { exportCommand, importCommand } from '../mirroring/cli/bundle.ts'
import { mirrorCommand } from '../mirroring/cli/mirror.ts'
import { policyCommand } from '../publish-api/cli/policy.ts'
import { serveCommand } from '../runtime/cli/serve.ts'
import { startCommand } from '../runtime/cli/start.ts'
import { notice, showText } from './terminal.ts'

const examples = `Examples:
  platte init --store file:/var/lib/platte --keys /etc/platte/keys --root-keys /media/usb/root-keys
  platte publish flatcar_production_update.gz --app e96281a6-d1af-4bde-9a0a-97b76e56dc57 \\
         --channel stable --version 4152.2.0 --board amd64-usr --create
  platte promote 4152.2.0 --from alpha --to beta --ramp-over 48h
  platte hold 4152.2.0 --channel stable --reason https://example.org/boot-loop
  platte explain --channel stable --version 4081.2.0 --board amd64-usr
  platte lock status --group workers
  platte mirror https://updates.example.org --store file:/var/lib/platte --watch 10m
  platte serve
`

const program = new Command('platte')
  .description('An Omaha update endpoint that answers from signed channel manifests in object storage.')
  .addHelpText('after', `\n${examples}`)
  .version(manifest.version, '-V, --version')
  .enablePositionalOptions()
  .showHelpAfterError('hint: platte --help, or platte COMMAND --help')
  .exitOverride()
const commands = [
  initCommand,
  publishCommand,
  promoteCommand,
  adoptCommand,
  rampCommand,
  windowCommand,
  targetCommand,
  holdCommand,
  unholdCommand,
  withdrawCommand,
  rollbackCommand,
  floorCommand,
  deadEndCommand,
  channelCommand,
  followCommand,
  historyCommand,
  pruneCommand,
  reportCommand,
  lockCommand,
  mirrorCommand,
  exportCommand,
  importCommand,
  serveCommand,
  showCommand,
  explainCommand,
  clientConfigCommand,
  verifyCommand,
  doctorCommand,
  policyCommand,
  refreshCommand,
  rootCommand,
  keygenCommand,
  startCommand,
]
for (const make of commands) program.addCommand(make())
prepare(program, 'platte')

/** What each command does with words that are wrong, and with readers that go away. */
function prepare(one: Command, path: string): void {
  one.configureOutput({ writeOut: (text) => showText(text) })
  for (const sub of one.commands) {
    sub.showHelpAfterError(`hint: see ${path} ${sub.name()} --help`)
    prepare(sub, `${path} ${sub.name()}`)
  }
}

/** 0 done, 1 failed, 2 usage, 3 refused by policy, 4 credentials, 5 verification failed. */
function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'usage':
    case 'configuration':
      return 2
    case 'refused':
    case 'conflict':
      return 3
    case 'credentials':
    case 'forbidden':
    case 'unauthorized':
      return 4
    case 'bad-document':
    case 'bad-signature':
    case 'expired':
    case 'from-the-future':
    case 'rollback':
    case 'fork':
    case 'mismatch':
    case 'missing':
      return 5
    case 'bad-request':
    case 'too-large':
    case 'unsupported-encoding':
    case 'store-unavailable':
    case 'issuer-unavailable':
      return 1
  }
}

function fail(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (!(error instanceof PlatteError)) {
    notice(`error: a defect: ${error instanceof Error ? error.stack : error}`)
    return 1
  }
  notice(`error: ${error.message}`)
  if (error.hint) notice(`hint: ${error.hint}`)
  return exitCodeOf(error.code)
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = fail(error)
}
