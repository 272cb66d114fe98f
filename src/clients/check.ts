/** Finds the mistakes that people make in an update.conf. Pure. */
import { isWindow } from './config.ts'

export interface Mistake {
  /** From 1; 0 for the file as a whole. */
  readonly line: number
  readonly problem: string
  /** What to write instead. */
  readonly fix: string
}

/** What is known of where the machine shall ask. */
export interface Deployment {
  /** Names and aliases of the channels; absent: not known. */
  readonly groups?: readonly string[]
  /** Where machines reach it, without a "/" at the end; absent: not known. */
  readonly url?: string
}

/** A line that sets something. */
interface Setting {
  readonly line: number
  readonly name: string
  /** As written, quotes and all. */
  readonly raw: string
  readonly value: string
}

type Rule = (setting: Setting, deployment: Deployment) => readonly Mistake[]

const when = (isWrong: boolean, line: number, problem: string, fix: string): readonly Mistake[] =>
  isWrong ? [{ line, problem, fix }] : []

/** Longer than any update.conf; the rest is not looked at. */
const maxLines = 500

/** Every mistake, in the order of the lines. */
export function checkUpdateConf(text: string, deployment: Deployment = {}): readonly Mistake[] {
  const lines = text.replace(/^\ufeff/, '').split('\n', maxLines)
  const settings = lines.flatMap((line, i) => settingOf(line, i + 1))
  const lacks = (wanted: string): boolean => !settings.some(({ name }) => name === wanted)
  const server = `add SERVER=${deployment.url ?? '<your server>'}/v1/update/`
  const mistakes = [
    ...wholeFile(text),
    ...lines.flatMap((line, i) => lineMistakes(line.replace(/\r$/, ''), i + 1)),
    ...settings.flatMap((setting) => settingMistakes(setting, settings, deployment)),
    ...windowMistakes(settings),
    ...when(lacks('GROUP'), 0, 'GROUP is missing: the machine follows what its image says', 'add GROUP=<channel>'),
    ...when(lacks('SERVER'), 0, 'SERVER is missing: the machine asks the public server that its image names', server),
  ]
  return mistakes.sort((a, b) => a.line - b.line)
}

function wholeFile(text: string): readonly Mistake[] {
  const lineAt = (index: number): number => text.slice(0, index).split('\n').length
  const mark = 'a byte order mark stands before the first key'
  const crlf = 'lines end as on Windows (CRLF): the carriage return becomes a part of each value'
  const isUnended = text !== '' && !text.endsWith('\n')
  return [
    ...when(text.startsWith('\ufeff'), 1, mark, 'save it as UTF-8 without one'),
    ...when(text.includes('\r'), lineAt(text.indexOf('\r')), crlf, 'convert it, such as by sed -i "s/\\r$//"'),
    ...when(isUnended, lineAt(text.length), 'the last line has no end', 'end it with a line feed'),
  ]
}

const settingForm = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/

function settingOf(written: string, line: number): readonly Setting[] {
  const [, name, raw = ''] = settingForm.exec(written.replace(/\r$/, '')) ?? []
  if (name === undefined) return []
  const trimmed = raw.trim()
  const value = /^(["']).*\1$/.test(trimmed) ? trimmed.slice(1, -1) : trimmed
  return [{ line, name, raw, value }]
}

/** The first that applies. */
function lineMistakes(text: string, line: number): readonly Mistake[] {
  if (text.trim() === '' || text.trimStart().startsWith('#')) return []
  const rules: readonly (readonly [isWrong: boolean, problem: string, fix: string])[] = [
    [!settingForm.test(text), 'this line sets nothing', 'write NAME=value, or begin a comment with #'],
    [/^\s*export\s/.test(text), 'update_engine does not know "export"', 'write NAME=value alone'],
    [/^\s|\s=|=\s/.test(text), 'there are blanks around the name or the "="', 'write NAME=value without blanks'],
    [text !== text.trimEnd(), 'there are blanks at the end of the line', 'end the line after the value'],
  ]
  return rules.flatMap(([isWrong, problem, fix]) => when(isWrong, line, problem, fix)).slice(0, 1)
}

const known = [
  ...['GROUP', 'SERVER', 'REBOOT_STRATEGY', 'MACHINE_ALIAS', 'PCR_POLICY_SERVER', 'DOWNLOAD_USER', 'DOWNLOAD_PASSWORD'],
  ...['REBOOT_WINDOW_START', 'REBOOT_WINDOW_LENGTH'],
  ...['FLATCAR_RELEASE_VERSION', 'FLATCAR_RELEASE_BOARD', 'FLATCAR_RELEASE_APPID'],
  ...['COREOS_RELEASE_VERSION', 'COREOS_RELEASE_BOARD', 'COREOS_RELEASE_APPID'],
]

function settingMistakes(setting: Setting, all: readonly Setting[], deployment: Deployment): readonly Mistake[] {
  const { line, name } = setting
  const before = all.find((one) => one.name === name && one.line < line)
  const isKnown = known.includes(name) || name.startsWith('LOCKSMITHD_')
  const near = known.find((one) => one === name.toUpperCase())
  const hint = near ? `did you mean ${near}?` : `known are ${known.slice(0, 4).join(', ')}, LOCKSMITHD_…`
  return [
    ...when(before !== undefined, line, `${name} stands in line ${before?.line} already`, 'keep one of them'),
    ...when(!isKnown, line, `nothing reads ${name}`, hint),
    ...(Object.hasOwn(rules, name) ? (rules[name]?.(setting, deployment) ?? []) : []),
  ]
}

/** Quotes and comments, which update_engine does not know. */
const plain = ({ line, name, raw, value }: Setting): readonly Mistake[] => [
  ...when(/["']/.test(raw), line, `update_engine takes the quotes as a part of ${name}`, `write ${name}=${value}`),
  ...when(/\s#/.test(value), line, `the comment becomes a part of ${name}`, 'put the comment on a line of its own'),
]

const group: Rule = (setting, { groups }) => {
  const { line, value } = setting
  // Whatever it looks like, machines with it are answered.
  if (groups?.includes(value.normalize('NFC'))) return /["']/.test(setting.raw) ? plain(setting) : []
  const isUnknown = groups !== undefined && value !== '' && !/\s#/.test(value)
  const unknown = `there is no channel ${JSON.stringify(value.slice(0, 64))} here`
  return [
    ...plain(setting),
    ...when(value === '', line, 'GROUP is empty', 'name a channel'),
    ...when(isUnknown, line, unknown, `there are ${groups?.slice(0, 10).join(', ') || 'none'}`),
  ]
}

const server: Rule = (setting, { url }) => {
  const { line, value } = setting
  const wanted = url === undefined ? 'the URL of your server, ending in /v1/update/' : `SERVER=${url}/v1/update/`
  const wrong = (problem: string): readonly Mistake[] => [{ line, problem, fix: `write ${wanted}` }]
  if (value === 'disabled' || value === '')
    return wrong(`SERVER=${value} stops all updates; flatcar-update may have left it behind`)
  const marks = plain(setting)
  if (!/^https?:\/\/[A-Za-z0-9.[\]:-]+(?:\/[^\s"'<>]*)?$/.test(value))
    return marks.length > 0 ? marks : wrong(`${JSON.stringify(value.slice(0, 200))} is no http(s) URL`)
  const problem = addressProblem(value, url)
  return problem === undefined ? marks : [...marks, ...wrong(problem)]
}

function addressProblem(value: string, url: string | undefined): string | undefined {
  const elsewhere = 'no update checks are answered at that path'
  if (!/\/(?:v1\/update|omaha)\/?$/.test(value)) return elsewhere
  if (url === undefined) return undefined
  if (value.startsWith('http://') && value.replace('http://', 'https://').startsWith(`${url}/`))
    return 'this is http, where https was meant'
  if (!value.startsWith(`${url}/`)) return 'this is another server than this deployment'
  return ['/v1/update', '/omaha'].includes(value.slice(url.length).replace(/\/$/, '')) ? undefined : elsewhere
}

const strategies = ['reboot', 'etcd-lock', 'off']

const strategy: Rule = ({ line, value }) => {
  const best = 'best-effort was removed in locksmith 0.6: a machine with it never reboots'
  const other = 'write REBOOT_STRATEGY=etcd-lock where there is a lock, else REBOOT_STRATEGY=reboot'
  if (value === 'best-effort') return when(true, line, best, other)
  const unknown = `locksmith knows no strategy ${JSON.stringify(value.slice(0, 64))}`
  return when(!strategies.includes(value), line, unknown, `use one of ${strategies.join(', ')}`)
}

const alias: Rule = ({ line, raw, value }) => {
  const fix = `write MACHINE_ALIAS=${value.replace(/["'<>&]/g, '')}`
  return when(/["'<>&]/.test(raw), line, 'older clients send this as broken XML', fix)
}

const windowStart: Rule = ({ line, name, raw, value }) => {
  const isBare = value.includes(' ') && !/["']/.test(raw)
  return when(isBare, line, `${name} has a blank, and shells read this file, too`, `write ${name}="${value}"`)
}

const rules: Readonly<Record<string, Rule>> = {
  GROUP: group,
  SERVER: server,
  REBOOT_STRATEGY: strategy,
  MACHINE_ALIAS: alias,
  REBOOT_WINDOW_START: windowStart,
  LOCKSMITHD_REBOOT_WINDOW_START: windowStart,
}

/** locksmith wants both or neither, and ends at what it cannot read. */
function windowMistakes(settings: readonly Setting[]): readonly Mistake[] {
  const find = (end: string) =>
    settings.find(({ name }) => name === `LOCKSMITHD_${end}`) ?? settings.find(({ name }) => name === end)
  const [start, length] = [find('REBOOT_WINDOW_START'), find('REBOOT_WINDOW_LENGTH')]
  const line = (start ?? length)?.line ?? 0
  if (start === undefined || length === undefined)
    return when(
      line > 0,
      line,
      'a window needs a start and a length: locksmith exits without both',
      'add the other one',
    )
  const isRead = isWindow(start.value, length.value)
  return when(!isRead, line, 'locksmith cannot read this window', 'write it as "Thu 04:00" or 04:00, and 1h or 90m')
}
