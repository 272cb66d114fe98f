/** Every command, and what rooms register for commands of rooms below them. Each is loaded when it is used. */
import type { Command } from 'commander'
import type { Options } from './options.ts'

type Commands = Readonly<Record<string, () => Promise<Command>>>

/** Only the command that runs is loaded. */
const commands: Commands = {
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
  apply: async () => (await import('../apply/cli.ts')).applyCommand(),
  diff: async () => (await import('../apply/cli.ts')).diffCommand(),
  'export-config': async () => (await import('../apply/cli.ts')).exportConfigCommand(),
  prune: async () => (await import('../channels/cli/release.ts')).pruneCommand(),
  fleet: async () => (await import('../fleet/cli/fleet.ts')).fleetCommand(),
  report: async () => (await import('../fleet/cli/fleet.ts')).reportCommand(),
  webhook: async () => (await import('../webhook/cli.ts')).webhookCommand(),
  lock: async () => (await import('../locks/cli/lock.ts')).lockCommand(),
  mirror: async () => (await import('../mirroring/cli.ts')).mirrorCommand(),
  export: async () => (await import('../mirroring/cli.ts')).exportCommand(),
  import: async () => (await import('../mirroring/cli.ts')).importCommand(),
  serve: async () => (await import('../runtime/cli.ts')).serveCommand(),
  show: async () => (await import('../channels/cli/show.ts')).showCommand(),
  explain: async () => (await import('../checks/cli/explain.ts')).explainCommand(),
  'client-config': async () => (await import('../clients/cli/client-config.ts')).clientConfigCommand(),
  verify: async () => (await import('../catalog/cli/store.ts')).verifyCommand(),
  doctor: async () => (await import('../doctor/cli.ts')).doctorCommand(),
  policy: async () => (await import('../publish-api/cli.ts')).policyCommand(),
  refresh: async () => (await import('../catalog/cli/store.ts')).refreshCommand(),
  root: async () => (await import('../catalog/cli/root.ts')).rootCommand(),
  keygen: async () => (await import('../catalog/cli/key.ts')).keygenCommand(),
  key: async () => (await import('../catalog/cli/key.ts')).keyCommand(),
  start: async () => (await import('../runtime/cli.ts')).startCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(loadAll),
}

/** Subcommands of rooms that stand on the room of the command. */
const subcommands: Commands = {
  fleet: async () => (await import('../fallbacks/cli/forgive.ts')).forgiveCommand(),
}

/** What `registerForCommands` of `registered.ts` takes. */
export const registered = {
  endpoint: async (options: Options) => (await import('../publish-api/cli.ts')).openEndpoint(options),
  review: async (options: Options) => (await import('../fallbacks/cli/review.ts')).reviewOf(options),
  lockGate: async (...asked: [Options, string]) => (await import('../lock-gates/cli.ts')).gateReasonOf(...asked),
  guard: async (options: Options) => (await import('../guard/cli.ts')).openGuard(options),
}

export const names: readonly string[] = Object.keys(commands)

/** @returns `undefined` for a name that no command has. */
export async function loadCommand(name: string): Promise<Command | undefined> {
  if (!Object.hasOwn(commands, name)) return undefined
  const [made, sub] = await Promise.all([commands[name]?.(), subcommands[name]?.()])
  return sub ? made?.addCommand(sub) : made
}

const loadAll = async (): Promise<readonly Command[]> =>
  (await Promise.all(names.map(loadCommand))).filter((made) => made !== undefined)
