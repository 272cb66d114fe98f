/** What somebody asks a configuration for, in their own words: checked before anything is written with it. Pure. */
import type { ClientConfig, Strategy, System } from './config.ts'

/** Texts as a command line or a form has them; empty or absent: unsaid. */
export interface Answers {
  readonly system?: string | undefined
  readonly group?: string | undefined
  /** Where this deployment is, without a "/" at the end. */
  readonly url?: string | undefined
  readonly strategy?: string | undefined
  readonly start?: string | undefined
  readonly length?: string | undefined
  readonly lock?: string | undefined
}

/** What cannot be used, by the field that is at fault. */
export type Wrong = keyof Answers | 'window'

/** A configuration, or what is wrong. */
export type Read =
  | { readonly config: ClientConfig; readonly wasBestEffort: boolean }
  | { readonly wrong: readonly Wrong[] }

/** As channels are named; older groups have capitals and blanks, but none here. */
const groupForm = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/
/** What is neither a blank nor a quote, nor means something to a shell. */
const urlForm = /^https?:\/\/[A-Za-z0-9.[\]:-]{1,255}(?:\/[A-Za-z0-9._~/?=&%-]{0,400})?$/
/** @see protocols: locksmith pkg/timeutil/periodic.go */
const startForm = /^(?:(?:Sun|Mon|Tue|Wed|Thu|Fri|Sat) )?(?:[01]\d|2[0-3]):[0-5]\d$/
const lengthForm = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?$/

const strategies: readonly string[] = ['reboot', 'etcd-lock', 'off', 'best-effort'] satisfies (
  | Strategy
  | 'best-effort'
)[]

/**
 * Reads answers. `best-effort`, which locksmith removed in 0.6, becomes what it did: the lock where there is one, else a
 * plain reboot.
 */
export function readClientConfig(answers: Answers): Read {
  const { system = 'flatcar', group = '', url = '', strategy = 'reboot', start = '', length = '', lock = '' } = answers
  const rules: readonly (readonly [Wrong, boolean])[] = [
    ['system', system === 'flatcar' || system === 'coreos'],
    ['group', groupForm.test(group)],
    ['url', urlForm.test(url)],
    ['strategy', strategies.includes(strategy)],
    ['window', (start === '') === (length === '')],
    ['start', start === '' || startForm.test(start)],
    ['length', length === '' || isWindowLength(length, start)],
    ['lock', lock === '' || urlForm.test(lock)],
  ]
  const wrong = rules.flatMap(([field, holds]) => (holds ? [] : [field]))
  if (wrong.length > 0) return { wrong }
  const wasBestEffort = strategy === 'best-effort'
  const used = (wasBestEffort ? (lock ? 'etcd-lock' : 'reboot') : strategy) as Strategy
  return {
    wasBestEffort,
    config: {
      system: system as System,
      group,
      server: `${url.replace(/\/+$/, '')}/v1/update/`,
      strategy: used,
      ...(start && { window: { start, length } }),
      ...(lock && used === 'etcd-lock' && { lock }),
    },
  }
}

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
