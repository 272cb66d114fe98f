/** What a machine needs to ask here for updates, and to reboot as its operator wants it; in each format of the field. Pure. */

/** Which of the two siblings reads it: their files are at different paths. */
export type System = 'flatcar' | 'coreos'

/** When a machine reboots after an update, as locksmith names it. */
export type Strategy = 'reboot' | 'etcd-lock' | 'off'

/** What is written down for a machine. All of it was checked by `readClientConfig`. */
export interface ClientConfig {
  readonly system: System
  /** The channel, or one of its aliases. */
  readonly group: string
  /** Where update checks go. */
  readonly server: string
  readonly strategy: Strategy
  /** When it may reboot, local time: `Thu 04:00` or `04:00`, and for how long: `1h`. */
  readonly window?: { readonly start: string; readonly length: string }
  /** What takes etcd's place for `etcd-lock`; without it the machine's own etcd is asked. */
  readonly lock?: string
}

/** The formats, by the name that a command line or a form gives them. */
export const formats = ['update.conf', 'cloud-config', 'butane', 'ignition', 'clc'] as const
export type Format = (typeof formats)[number]

/** Those that a system can read. Butane never knew Container Linux. */
export const formatsOf = (system: System): readonly Format[] =>
  formats.filter((format) => system === 'flatcar' || format !== 'butane')

/** Where update.conf is. */
export const pathOf = (system: System): string => `/etc/${system}/update.conf`

/** What to do on a machine that runs after its update.conf was changed: Flatcar's update_engine reads it at each check. */
export const restartOf = (system: System): string =>
  system === 'flatcar' ? 'systemctl restart locksmithd' : 'systemctl restart update-engine locksmithd'

/** Writes it down. */
export const renderClientConfig = (format: Format, config: ClientConfig): string => writers[format](config)

const writers: Readonly<Record<Format, (config: ClientConfig) => string>> = {
  'update.conf': (config) => updateConf(config),
  'cloud-config': (config) => cloudConfig(config),
  butane: (config) => butane(config),
  ignition: (config) => ignition(config),
  clc: (config) => containerLinuxConfig(config),
}

/** A blank in a value needs quotes, since shells read this file, too; GROUP and SERVER must never have any. */
function updateConf({ group, server, strategy, window, lock }: ClientConfig): string {
  const lines = [
    `GROUP=${group}`,
    `SERVER=${server}`,
    `REBOOT_STRATEGY=${strategy}`,
    ...(window
      ? [`LOCKSMITHD_REBOOT_WINDOW_START="${window.start}"`, `LOCKSMITHD_REBOOT_WINDOW_LENGTH=${window.length}`]
      : []),
    ...(lock ? [`LOCKSMITHD_ENDPOINT=${lock}`] : []),
  ]
  return `${lines.join('\n')}\n`
}

/** A JSON string is a string of YAML, too, whatever stands in it. */
const quoted = (text: string): string => JSON.stringify(text)

/** Lines of a mapping; what is absent is left out. */
const mapping = (indent: string, pairs: readonly (readonly [string, string | undefined])[]): readonly string[] =>
  pairs.flatMap(([name, value]) => (value === undefined ? [] : [`${indent}${name}: ${quoted(value)}`]))

function cloudConfig({ group, server, strategy, window, lock }: ClientConfig): string {
  const locksmith = mapping('    ', [
    ['endpoint', lock],
    ['window_start', window?.start],
    ['window_length', window?.length],
  ])
  const update = mapping('    ', [
    ['group', group],
    ['server', server],
    ['reboot-strategy', strategy],
  ])
  const lines = ['#cloud-config', 'coreos:', '  update:', ...update]
  return `${[...lines, ...(locksmith.length > 0 ? ['  locksmith:', ...locksmith] : [])].join('\n')}\n`
}

function butane(config: ClientConfig): string {
  const inline = updateConf(config)
    .trimEnd()
    .split('\n')
    .map((line) => `          ${line}`)
  return `${[
    'variant: flatcar',
    'version: 1.1.0',
    'storage:',
    '  files:',
    `    - path: ${pathOf(config.system)}`,
    '      overwrite: true',
    '      mode: 0644',
    '      contents:',
    '        inline: |',
    ...inline,
  ].join('\n')}\n`
}

const mode = 0o644

/** Flatcar takes Ignition 3, Container Linux 2. */
function ignition(config: ClientConfig): string {
  const path = pathOf(config.system)
  const contents = { source: `data:,${encodeURIComponent(updateConf(config))}` }
  const isNew = config.system === 'flatcar'
  const file = isNew ? { path, overwrite: true, mode, contents } : { filesystem: 'root', path, mode, contents }
  const version = isNew ? '3.3.0' : '2.3.0'
  return `${JSON.stringify({ ignition: { version }, storage: { files: [file] } }, null, 2)}\n`
}

function containerLinuxConfig({ group, server, strategy, window, lock }: ClientConfig): string {
  const update = mapping('  ', [
    ['group', group],
    ['server', server],
  ])
  const locksmith = mapping('  ', [
    ['reboot_strategy', strategy],
    ['window_start', window?.start],
    ['window_length', window?.length],
    ['etcd_endpoints', lock],
  ])
  return `${['update:', ...update, 'locksmith:', ...locksmith].join('\n')}\n`
}
