/** Finds the mistakes that people make in an update.conf. Pure. */
import { isWindow } from './answers.ts'

/** One mistake. */
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

type Rule = (setting: Setting, deployment: Deployment) => readonly (readonly [problem: string, fix: string])[]

/** Longer than any update.conf; the rest is not looked at. */
const maxLines = 500

/** Every mistake, in the order of the lines. */
export function checkUpdateConf(text: string, deployment: Deployment = {}): readonly Mistake[] {
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .slice(0, maxLines)
  const settings = lines.flatMap((line, i) => settingOf(line, i + 1))
  const mistakes = [
    ...wholeFile(text),
    ...lines.flatMap((line, i) => lineMistakes(line, i + 1)),
    ...settings.flatMap((setting) => settingMistakes(setting, settings, deployment)),
    ...windowMistakes(settings),
    ...(settings.some(({ name }) => name === 'GROUP')
      ? []
      : [
          { line: 0, problem: 'GROUP is missing: the machine follows what its image says', fix: 'add GROUP=<channel>' },
        ]),
    ...(settings.some(({ name }) => name === 'SERVER')
      ? []
      : [
          {
            line: 0,
            problem: 'SERVER is missing: the machine asks the public server that its image names',
            fix: `add SERVER=${deployment.url ?? '<your server>'}/v1/update/`,
          },
        ]),
  ]
  return mistakes.sort((a, b) => a.line - b.line)
}

function wholeFile(text: string): readonly Mistake[] {
  const found: Mistake[] = []
  if (text.startsWith('\ufeff'))
    found.push({
      line: 1,
      problem: 'a byte order mark stands before the first key',
      fix: 'save it as UTF-8 without one',
    })
  if (text.includes('\r'))
    found.push({
      line: text.slice(0, text.indexOf('\r')).split('\n').length,
      problem: 'lines end as on Windows (CRLF): the carriage return becomes a part of each value',
      fix: 'convert it, such as by sed -i "s/\\r$//"',
    })
  if (text !== '' && !text.endsWith('\n'))
    found.push({ line: text.split('\n').length, problem: 'the last line has no end', fix: 'end it with a line feed' })
  return found
}

const settingForm = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/

function settingOf(written: string, line: number): readonly Setting[] {
  const [, name, raw = ''] = settingForm.exec(written.replace(/\r$/, '')) ?? []
  if (name === undefined) return []
  const trimmed = raw.trim()
  const value = /^(["']).*\1$/.test(trimmed) ? trimmed.slice(1, -1) : trimmed
  return [{ line, name, raw, value }]
}

function lineMistakes(written: string, line: number): readonly Mistake[] {
  const text = written.replace(/\r$/, '')
  const mistake = (problem: string, fix: string): readonly Mistake[] => [{ line, problem, fix }]
  if (text.trim() === '' || text.trimStart().startsWith('#')) return []
  if (!settingForm.test(text)) return mistake('this line sets nothing', 'write NAME=value, or begin a comment with #')
  if (/^\s*export\s/.test(text)) return mistake('update_engine does not know "export"', 'write NAME=value alone')
  if (/^\s|\s=|=\s/.test(text))
    return mistake('there are blanks around the name or the "="', 'write NAME=value without blanks')
  return text === text.trimEnd()
    ? []
    : mistake('there are blanks at the end of the line', 'end the line after the value')
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
  const twice = before ? [[`${name} stands in line ${before.line} already`, 'keep one of them'] as const] : []
  const isKnown = known.includes(name) || name.startsWith('LOCKSMITHD_')
  const near = known.find((one) => one === name.toUpperCase())
  const stranger = isKnown
    ? []
    : [
        [
          `nothing reads ${name}`,
          near ? `did you mean ${near}?` : `known are ${known.slice(0, 4).join(', ')}, LOCKSMITHD_…`,
        ] as const,
      ]
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
  return [...twice, ...stranger, ...(rule?.(setting, deployment) ?? [])].map(([problem, fix]) => ({
    line,
    problem,
    fix,
  }))
}

const quotes: Rule = ({ name, raw, value }) =>
  /["']/.test(raw) ? [[`update_engine takes the quotes as a part of ${name}`, `write ${name}=${value}`]] : []

const comment: Rule = ({ name, value }) =>
  /\s#/.test(value) ? [[`the comment becomes a part of ${name}`, 'put the comment on a line of its own']] : []

const group: Rule = (setting, { groups }) => {
  const { value } = setting
  const isUnknown = groups !== undefined && value !== '' && !/\s#/.test(value) && !groups.includes(value)
  return [
    ...quotes(setting, {}),
    ...comment(setting, {}),
    ...(value === '' ? [['GROUP is empty', 'name a channel'] as const] : []),
    ...(isUnknown
      ? [
          [
            `there is no channel ${JSON.stringify(value.slice(0, 64))} here`,
            `there are ${groups.slice(0, 10).join(', ') || 'none'}`,
          ] as const,
        ]
      : []),
  ]
}

const server: Rule = (setting, { url }) => {
  const { value } = setting
  const wanted = url === undefined ? 'the URL of your server, ending in /v1/update/' : `SERVER=${url}/v1/update/`
  if (value === 'disabled' || value === '')
    return [[`SERVER=${value} stops all updates; flatcar-update may have left it behind`, `write ${wanted}`]]
  const marks = [...quotes(setting, {}), ...comment(setting, {})]
  if (!/^https?:\/\/[A-Za-z0-9.[\]:-]+(?:\/[^\s"'<>]*)?$/.test(value))
    return marks.length > 0 ? marks : [[`${JSON.stringify(value.slice(0, 200))} is no http(s) URL`, `write ${wanted}`]]
  return [...marks, ...addressMistakes(value, url, wanted)]
}

function addressMistakes(value: string, url: string | undefined, wanted: string): ReturnType<Rule> {
  const isUpdatePath = /\/(?:v1\/update|omaha)\/?$/.test(value)
  if (!isUpdatePath) return [['no update checks are answered at that path', `write ${wanted}`]]
  if (url === undefined) return []
  const isOurs = (said: string): boolean => ['/v1/update', '/omaha'].includes(said.slice(url.length).replace(/\/$/, ''))
  if (value.startsWith('http://') && value.replace('http://', 'https://').startsWith(`${url}/`))
    return [['this is http, where https was meant', `write ${wanted}`]]
  if (!value.startsWith(`${url}/`)) return [['this is another server than this deployment', `write ${wanted}`]]
  return isOurs(value) ? [] : [['no update checks are answered at that path', `write ${wanted}`]]
}

const strategies = ['reboot', 'etcd-lock', 'off']

const strategy: Rule = ({ value }) => {
  if (strategies.includes(value)) return []
  if (value === 'best-effort')
    return [
      [
        'best-effort was removed in locksmith 0.6: a machine with it never reboots',
        'write REBOOT_STRATEGY=etcd-lock where there is a lock, else REBOOT_STRATEGY=reboot',
      ],
    ]
  return [[`locksmith knows no strategy ${JSON.stringify(value.slice(0, 64))}`, `use one of ${strategies.join(', ')}`]]
}

const alias: Rule = ({ raw, value }) =>
  /["'<>&]/.test(raw)
    ? [['older clients send this as broken XML', `write MACHINE_ALIAS=${value.replace(/["'<>&]/g, '')}`]]
    : []

const windowStart: Rule = ({ name, raw, value }) =>
  value.includes(' ') && !/["']/.test(raw)
    ? [[`${name} has a blank, and shells read this file, too`, `write ${name}="${value}"`]]
    : []

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
  const one = start ?? length
  if (one === undefined) return []
  if (start === undefined || length === undefined)
    return [
      {
        line: one.line,
        problem: 'a window needs a start and a length: locksmith ends without both',
        fix: 'add the other one',
      },
    ]
  if (isWindow(start.value, length.value)) return []
  return [
    {
      line: start.line,
      problem: 'locksmith cannot read this window',
      fix: 'write it as "Thu 04:00" or 04:00, and 1h or 90m',
    },
  ]
}
