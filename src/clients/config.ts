/** What a machine needs to ask here for updates, and to reboot as its operator wants it; in each format of the field. Pure. */
import { isGroup } from '../kernel/group.ts'

/** Which of the two siblings reads it: their files are at different paths. */
export type System = 'flatcar' | 'coreos'

/** What is written down for a machine. All of it was checked by `readClientConfig`. */
export interface ClientConfig {
  readonly system: System
  /** The channel, or one of its aliases. */
  readonly group: string
  /** Where update checks go. */
  readonly server: string
  /** When a machine reboots after an update, as locksmith names it. */
  readonly strategy: 'reboot' | 'etcd-lock' | 'off'
  /** When it may reboot, local time: `Thu 04:00` or `04:00`, and for how long: `1h`. */
  readonly window?: { readonly start: string; readonly length: string }
  /** What takes etcd's place for `etcd-lock`; without it the machine's own etcd is asked. */
  readonly lock?: string
}

/** Texts as a command line or a form has them; empty or absent: unsaid. `url` has no "/" at its end. */
export type Answers = {
  readonly [Field in 'system' | 'group' | 'url' | 'strategy' | 'start' | 'length' | 'lock']?: string | undefined
}

/** What cannot be used, by the field that is at fault. */
export type Wrong = keyof Answers | 'window'

/** A configuration, or what is wrong. */
export type Read =
  | { readonly config: ClientConfig; readonly wasBestEffort: boolean }
  | { readonly wrong: readonly Wrong[] }

/** What is neither a blank nor a quote, nor means something to a shell. */
const urlForm = /^https?:\/\/[A-Za-z0-9.[\]:-]{1,255}(?:\/[A-Za-z0-9._~/?=&%-]{0,400})?$/
/** @see protocols: locksmith pkg/timeutil/periodic.go */
const startForm = /^(?:(?:Sun|Mon|Tue|Wed|Thu|Fri|Sat) )?(?:[01]\d|2[0-3]):[0-5]\d$/
const lengthForm = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?$/

/**
 * Reads answers. `best-effort`, which locksmith removed in 0.6, becomes what it did: the lock where there is one, else a
 * plain reboot.
 */
export function readClientConfig(answers: Answers): Read {
  const {
    system = 'flatcar',
    group: written = '',
    url = '',
    strategy = 'reboot',
    start = '',
    length = '',
    lock = '',
  } = answers
  const group = written.normalize('NFC')
  const rules: readonly (readonly [Wrong, boolean])[] = [
    ['system', system === 'flatcar' || system === 'coreos'],
    ['group', isGroup(group)],
    ['url', urlForm.test(url)],
    ['strategy', ['reboot', 'etcd-lock', 'off', 'best-effort'].includes(strategy)],
    ['window', (start === '') === (length === '')],
    ['start', start === '' || startForm.test(start)],
    ['length', length === '' || isWindowLength(length, start)],
    ['lock', lock === '' || urlForm.test(lock)],
  ]
  const wrong = rules.flatMap(([field, holds]) => (holds ? [] : [field]))
  if (wrong.length > 0) return { wrong }
  const wasBestEffort = strategy === 'best-effort'
  const used = (wasBestEffort ? (lock ? 'etcd-lock' : 'reboot') : strategy) as ClientConfig['strategy']
  const config: ClientConfig = {
    ...{ system: system as System, group, server: `${url.replace(/\/+$/, '')}/v1/update/`, strategy: used },
    ...(start && { window: { start, length } }),
    ...(lock && used === 'etcd-lock' && { lock }),
  }
  return { wasBestEffort, config }
}

/** Shells may read update.conf, too: other characters only in a group that somebody gave a channel. */
export const isHarmless = (group: string): boolean => /^[\p{L}\p{M}\p{N}._-]+$/u.test(group)

/** As locksmith reads it: the day in letters of any size, hours and minutes of one digit, too. */
const readableStart = /^(?:(?:sun|mon|tue|wed|thu|fri|sat)\s+)?(?:[01]?\d|2[0-3]):[0-5]?\d$/i

/** Whether locksmith takes both of a window: longer than nothing, and shorter than what it repeats after. */
export const isWindow = (start: string, length: string): boolean =>
  readableStart.test(start) && isWindowLength(length, start)

function isWindowLength(length: string, start: string): boolean {
  const [, hours = '0', minutes = '0'] = lengthForm.exec(length) ?? []
  const total = Number(hours) * 60 + Number(minutes)
  return total > 0 && total < (/\s/.test(start) ? 7 : 1) * 24 * 60
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

export const renderClientConfig = (format: Format, config: ClientConfig): string => writers[format](config)

const linesText = (lines: readonly string[]): string => `${lines.join('\n')}\n`

/** systemd takes a value with a blank as it is; update_engine would take quotes as a part of GROUP. */
const updateConf = ({ group, server, strategy, window, lock }: ClientConfig): readonly string[] => [
  `GROUP=${group}`,
  `SERVER=${server}`,
  `REBOOT_STRATEGY=${strategy}`,
  ...(window
    ? [`LOCKSMITHD_REBOOT_WINDOW_START="${window.start}"`, `LOCKSMITHD_REBOOT_WINDOW_LENGTH=${window.length}`]
    : []),
  ...(lock ? [`LOCKSMITHD_ENDPOINT=${lock}`] : []),
]

/** Lines of a YAML mapping without undefined values. Every JSON string is also a YAML string. */
const mapping = (indent: string, values: Readonly<Record<string, string | undefined>>): readonly string[] =>
  Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${indent}${name}: ${JSON.stringify(value)}`],
  )

const writers: Readonly<Record<Format, (config: ClientConfig) => string>> = {
  'update.conf': (config) => linesText(updateConf(config)),
  'cloud-config': ({ group, server, strategy, window, lock }) => {
    const update = mapping('    ', { group, server, 'reboot-strategy': strategy })
    const own = { endpoint: lock, window_start: window?.start, window_length: window?.length }
    const locksmith = mapping('    ', own)
    const rest = locksmith.length > 0 ? ['  locksmith:', ...locksmith] : []
    return linesText(['#cloud-config', 'coreos:', '  update:', ...update, ...rest])
  },
  butane: (config) =>
    linesText([
      ...['variant: flatcar', 'version: 1.1.0', 'storage:', '  files:', `    - path: ${pathOf(config.system)}`],
      ...['      overwrite: true', '      mode: 0644', '      contents:', '        inline: |'],
      ...updateConf(config).map((line) => `          ${line}`),
    ]),
  /** Flatcar takes Ignition 3, Container Linux 2. */
  ignition: (config) => {
    const contents = { source: `data:,${encodeURIComponent(linesText(updateConf(config)))}` }
    const [path, mode] = [pathOf(config.system), 0o644]
    const isNew = config.system === 'flatcar'
    const file = isNew ? { path, overwrite: true, mode, contents } : { filesystem: 'root', path, mode, contents }
    const version = isNew ? '3.3.0' : '2.3.0'
    return `${JSON.stringify({ ignition: { version }, storage: { files: [file] } }, null, 2)}\n`
  },
  clc: ({ group, server, strategy, window, lock }) => {
    const times = { window_start: window?.start, window_length: window?.length }
    const locksmith = mapping('  ', { reboot_strategy: strategy, ...times, etcd_endpoints: lock })
    return linesText(['update:', ...mapping('  ', { group, server }), 'locksmith:', ...locksmith])
  },
}
