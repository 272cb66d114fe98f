/**
 * The configuration of Zincati, the update agent of Fedora CoreOS: TOML, alone or in Butane. Pure.
 * @see coreos/zincati src/config/fragments.rs
 */

/** What is written down for a machine. All of it was checked by `readZincati`. */
export interface Zincati {
  /** Of this deployment, with a "/" at its end: Zincati joins `v1/graph` to it. */
  readonly url: string
  readonly strategy: 'immediate' | 'fleet_lock' | 'periodic'
  /** With a "/" at its end. Only for `fleet_lock`. */
  readonly lock?: string
  /** When it may reboot, local time. Only for `periodic`. */
  readonly window?: { readonly days: readonly string[]; readonly start: string; readonly minutes: number }
  /** For reboot locks and the graph. */
  readonly group?: string
  /** 0 to 1: how long it waits in ramps, as the operator of the machine chose it. */
  readonly wariness?: number
}

type Name = 'url' | 'strategy' | 'lock' | 'start' | 'length' | 'group' | 'wariness'
/** Texts as a command line has them; absent: unsaid. */
export type ZincatiAnswers = { readonly [Field in Name]?: string | undefined }

/** The strategies that do the same in locksmith, by their names there. */
const strategies: Readonly<Record<string, Zincati['strategy']>> = {
  ...{ immediate: 'immediate', fleet_lock: 'fleet_lock', periodic: 'periodic' },
  ...{ reboot: 'immediate', 'etcd-lock': 'fleet_lock' },
}
const week = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** Without `$`, since Zincati fills in `${…}` of URLs. */
const urlForm = /^https?:\/\/[A-Za-z0-9.[\]:-]{1,255}(?:\/[A-Za-z0-9._~/%-]{0,400})?$/
const startForm = /^(?:(Sun|Mon|Tue|Wed|Thu|Fri|Sat) )?((?:[01]\d|2[0-3]):[0-5]\d)$/
const lengthForm = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?$/
const sharesForm = /^(?:0(?:\.\d{1,6})?|1(?:\.0{1,6})?)$/
const slashed = (url: string): string => url.replace(/\/*$/, '/')

/** @returns the configuration, or sentences about what cannot be used. */
export function readZincati(answers: ZincatiAnswers): Zincati | readonly string[] {
  const { url = '', strategy: name = 'immediate', start = '', length = '', group, wariness } = answers
  const given = Object.hasOwn(strategies, name) ? strategies[name] : undefined
  const hasWindow = start !== '' || length !== ''
  const strategy = given === 'immediate' && hasWindow ? 'periodic' : given
  const lock = answers.lock ?? url
  const [, day, time = ''] = startForm.exec(start) ?? []
  const [, hours = '0', more = '0'] = lengthForm.exec(length) ?? []
  const minutes = Number(hours) * 60 + Number(more)
  const rules: readonly (readonly [isRight: boolean, words: string])[] = [
    [urlForm.test(url), '--public-url is not a plain http(s) URL'],
    [strategy !== undefined, '--strategy is immediate, fleet_lock or periodic'],
    [strategy !== 'fleet_lock' || urlForm.test(lock), '--lock is not a plain http(s) URL'],
    [strategy === 'fleet_lock' || answers.lock === undefined, '--lock is for --strategy fleet_lock'],
    [strategy !== 'fleet_lock' || !hasWindow, 'Zincati has either a lock or a window: leave one out'],
    [strategy !== 'periodic' || time !== '', '--window-start is a time such as 04:00, or "Thu 04:00"'],
    [strategy !== 'periodic' || isLength(minutes, day), '--window-length is a length such as 1h or 90m'],
    [group === undefined || /^[A-Za-z0-9.-]{1,128}$/.test(group), '--group has other characters than A-Z a-z 0-9 . -'],
    [wariness === undefined || sharesForm.test(wariness), '--wariness is a number of 0 to 1'],
  ]
  const wrong = rules.flatMap(([isRight, words]) => (isRight ? [] : [words]))
  if (strategy === undefined || wrong.length > 0) return wrong
  return {
    ...{ url: slashed(url), strategy },
    ...(strategy === 'fleet_lock' && { lock: slashed(lock) }),
    ...(strategy === 'periodic' && { window: { days: day ? [day] : week, start: time, minutes } }),
    ...(group !== undefined && { group }),
    ...(wariness !== undefined && { wariness: Number(wariness) }),
  }
}

const isLength = (minutes: number, day: string | undefined): boolean => minutes > 0 && minutes < (day ? 7 : 1) * 24 * 60

/** Where it is: after Fedora's own files, which it overrides. */
export const zincatiPath = '/etc/zincati/config.d/60-platte.toml'

/** Each JSON string of these characters is a TOML string, too. */
const text = (value: string | readonly string[]): string => JSON.stringify(value)

function tomlLines({ url, strategy, lock, window, group, wariness }: Zincati): readonly string[] {
  const identity = [
    ...(group === undefined ? [] : [`group = ${text(group)}`]),
    ...(wariness === undefined ? [] : [`rollout_wariness = ${wariness.toFixed(6).replace(/(\.\d+?)0+$/, '$1')}`]),
  ]
  const times = window && [
    ...['', '[updates.periodic]', 'time_zone = "localtime"', '', '[[updates.periodic.window]]'],
    ...[`days = ${text(window.days)}`, `start_time = ${text(window.start)}`, `length_minutes = ${window.minutes}`],
  ]
  return [
    ...(identity.length > 0 ? ['[identity]', ...identity, ''] : []),
    ...['[cincinnati]', `base_url = ${text(url)}`],
    ...['', '[updates]', 'enabled = true', `strategy = ${text(strategy)}`],
    ...(lock === undefined ? [] : ['', '[updates.fleet_lock]', `base_url = ${text(lock)}`]),
    ...(times ?? []),
  ]
}

export const zincatiFormats = ['butane', 'zincati'] as const

/** @param format `zincati`: the file alone, for a machine that runs. */
export function renderZincati(format: (typeof zincatiFormats)[number], config: Zincati): string {
  const lines = tomlLines(config)
  const head = ['variant: fcos', 'version: 1.5.0', 'storage:', '  files:', `    - path: ${zincatiPath}`]
  const file = ['      overwrite: true', '      mode: 0644', '      contents:', '        inline: |']
  const all = format === 'zincati' ? lines : [...head, ...file, ...lines.map((line) => line && `          ${line}`)]
  return `${all.join('\n')}\n`
}
