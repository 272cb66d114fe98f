/** Pages with a form: `/explain` and `/client-config`. One question in the address, no script. */
import { type Explanation, explain } from '../../checks/explain.ts'
import { hasFeature } from '../../checks/serving.ts'
import { appKey } from '../../checks/update-check.ts'
import type { Answers, ClientConfig, Format, Read } from '../../clients/config.ts'
import { formatsOf, isHarmless, pathOf, readClientConfig, renderClientConfig, restartOf } from '../../clients/config.ts'
import { isInstant } from '../../documents/fields.ts'
import { percent } from '../../kernel/format.ts'
import { groupOf } from '../../kernel/group.ts'
import { isUnknown, listedChannels, nameOf, readChannelStatus } from '../status.ts'
import { definitions, filled, type Html, inEnglish, none, part, reasonLink, time } from './fragments.ts'
import { answerPage, type PageContext, trouble } from './page.ts'

/** Longer than any id, version or address of the field. */
const maxLength = 256
const maxSuggested = 50

interface Field {
  readonly name: string
  readonly label: string
  readonly value: string
  readonly isRequired?: boolean
  readonly hint?: string
  /** Without choices, it takes any text. */
  readonly choices?: readonly string[]
  /** Of choices; those without one are shown as they are. */
  readonly nameOf?: (choice: string) => string
  readonly suggestions?: readonly string[]
}

/** A form that asks its own path, in the chosen language. @param optional stands beside fields that are. */
function form(page: PageContext, path: string, fields: readonly Field[], submit: string, optional = none, more = none) {
  const { words, fileLink, c } = page
  const lang = c.req.query('lang') === words.tag ? part`<input type="hidden" name="lang" value="${words.tag}">` : none
  const rows = fields.map((field) => {
    const { name, label, hint, isRequired } = field
    const below = hint === undefined ? none : part`<span class="hint" id="${name}-hint">${hint}</span>`
    return part`<div><label for="${name}">${label}${isRequired ? none : optional}</label>
${control(field)}${below}</div>\n`
  })
  return part`<form class="sheet" method="get" action="${fileLink(path)}">${lang}
${rows}${more}<div class="wide"><button type="submit">${submit}</button></div></form>`
}

function control({ name, value, hint, choices, suggestions, isRequired, nameOf = (one) => one }: Field): Html {
  const described = hint === undefined ? none : part` aria-describedby="${name}-hint"`
  const options = choices?.map(
    (one) => part`<option value="${one}"${one === value ? part` selected` : none}>${nameOf(one)}</option>`,
  )
  if (options) return part`<select id="${name}" name="${name}"${described}>${options}</select>`
  const list = suggestions?.slice(0, maxSuggested).map((one) => part`<option value="${one}"></option>`)
  return part`<input type="text" id="${name}" name="${name}" value="${value.slice(0, maxLength)}" maxlength="${maxLength}" autocomplete="off" spellcheck="false"${isRequired ? part` required` : none}${list ? part` list="${name}-list"` : none}${described}>${
    list ? part`<datalist id="${name}-list">${list}</datalist>` : none
  }`
}

const errors = (sentences: readonly string[]): readonly Html[] =>
  sentences.map((one) => part`<p class="error" role="alert">${one}</p>\n`)

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)]

const needed = ['app', 'channel', 'version', 'board'] as const
const machineFields = [...needed, 'machine', 'oem', 'at'] as const
type Machine = Readonly<Record<(typeof machineFields)[number], string>> & { readonly manual: boolean }

/** Which update a machine gets, why, and when that changes. */
export async function answerExplainPage(page: PageContext): Promise<Response> {
  const { serving, words, c } = page
  const { title, intro, closed } = words.explain
  const head = { title, section: 'explain' } as const
  if (serving.explain !== 'public') {
    return answerPage(page, head, part`<h1>${title}</h1><p class="note">${closed}</p>`)
  }
  const read = (name: string): string => (c.req.query(name) ?? '').trim()
  const texts = Object.fromEntries(machineFields.map((name) => [name, read(name)])) as Omit<Machine, 'manual'>
  const channel = groupOf(texts.channel)
  const machine = { ...texts, channel, app: texts.app || (serving.app ?? ''), manual: read('manual') === '1' }
  // A link from a channel names the app and the channel; the form has all fields.
  const isFilled = ['version', 'board'].some((name) => c.req.query(name) !== undefined)
  const problems = isFilled ? problemsOf(machine, page) : []
  const answer = isFilled && problems.length === 0 ? await explanation(page, machine) : none
  const content = part`<h1>${title}</h1>
<p class="lead">${intro}</p>
${trouble(page)}${errors(problems)}${answer}${machineForm(page, machine)}`
  return answerPage(page, { ...head, status: problems.length > 0 ? 400 : 200 }, content)
}

function problemsOf(machine: Machine, { words: { explain } }: PageContext): readonly string[] {
  const missing = needed.filter((name) => machine[name] === '').map((name) => explain[name])
  return [
    ...(missing.length > 0 ? [explain.missing(missing.join(', '))] : []),
    ...machineFields.filter((name) => machine[name].length > maxLength).map((name) => explain.tooLong(explain[name])),
    ...(machine.at !== '' && !isInstant(machine.at) ? [explain.badInstant] : []),
  ]
}

async function explanation(
  page: PageContext,
  { app, machine: machineId, manual, at, ...rest }: Machine,
): Promise<Html> {
  const query = { ...rest, app: appKey(app), machineId, isManual: manual }
  const found = await explain(page.service, { query, at: at ? Date.parse(at) : undefined, audience: 'everybody' })
  const { rows, ramp, edge, ...text } = page.words.explain
  const { reason, because, next, offered } = found
  const { bucket, share, stoppedAt, windowEdge } = found.numbers ?? {}
  const instant = (at: string) => time(Date.parse(at), page)
  const url = page.link(`/channels/${query.app}/${encodeURIComponent(rest.channel)}`)
  const said = (because: string) =>
    part`${reasonLink(because)} (<a href="${url}#history">${page.words.channel.headings.history}</a>)`
  const list = definitions([
    [rows.because, whyText(found, page, rest.version)],
    reason === 'target' ? [rows.target, because && inEnglish(because)] : [rows.said, because && said(because)],
    [rows.path, found.path?.join(' → ')],
    [ramp.bucket, bucket === undefined ? undefined : percent(bucket)],
    [ramp.share, share === undefined ? undefined : percent(share)],
    [ramp.stopped, stoppedAt && instant(stoppedAt)],
    [edge, windowEdge && instant(windowEdge)],
    [rows.next, next && part`${next.offered ? text.nextUpdate(next.offered) : text.nextNone}, ${instant(next.at)}`],
  ])
  return part`<section class="sheet" aria-label="${text.answer}"><p class="answer">${offered === undefined ? text.none : text.update(offered)}</p>
<p class="small soft">${filled(text.asOf, instant(found.at))}</p>
${list}
${found.note ? part`<p class="small">${text.listed}</p>` : none}${
  machineId && hasFeature(page.serving, 'fleet-site')
    ? part`<p><a href="${page.link('/fleet/machine', { id: machineId })}">${page.words.nav.fleet}${page.words.colon}${machineId}</a></p>`
    : none
}</section>\n`
}

/** Sentences of the terminal begin small and have no full stop. */
const inSentenceCase = (text: string): string =>
  text.charAt(0).toUpperCase() + text.slice(1).replace(/(?<![.。])$/, '.')

function whyText(
  { reason, withheld, offered, isRollback }: Explanation,
  { words }: PageContext,
  running: string,
): string {
  if (isRollback) return words.board.sentBack(running, offered ?? '')
  return reason ? inSentenceCase(words.explain.why[reason]).replace('{version}', () => withheld ?? '') : ''
}

function machineForm(page: PageContext, values: Machine): Html {
  const { explain: text } = page.words
  const refs = listedChannels(page.status)
  const apps = unique(refs.map(({ app }) => app))
  // An app that is not in the catalog can be asked for by its address.
  const isListed = apps.length <= maxSuggested && apps.includes(values.app || (apps[0] ?? ''))
  const names = { choices: apps, nameOf: (app: string) => nameOf(app, page.status) }
  const more: Readonly<Partial<Record<keyof Machine, Partial<Field>>>> = {
    app: isListed ? names : { suggestions: apps },
    channel: { suggestions: unique(refs.map(({ channel }) => channel)) },
    board: { suggestions: ['amd64-usr', 'arm64-usr'] },
    machine: { hint: text.machineHint },
    at: { hint: text.atHint },
  }
  const fields = machineFields.map((name) => {
    const isRequired = needed.some((one) => one === name)
    return { name, label: text[name], value: values[name], isRequired, ...more[name] }
  })
  const optional = part` <span class="soft">(${text.optional})</span>`
  const manual = part`<div class="wide"><label><input type="checkbox" name="manual" value="1"${values.manual ? part` checked` : none}>${text.manual}</label></div>\n`
  return part`<h2>${text.ask}</h2>${form(page, '/explain', fields, text.ask, optional, manual)}`
}

/** Stands in for the URL of a deployment that does not know its own. */
const example = 'https://updates.example.org'

/** The configuration that points a machine at this deployment, in each format. */
export async function answerConfig(page: PageContext): Promise<Response> {
  const { words, serving, status, c } = page
  const { config: text } = words
  const own = listedChannels(status).filter(({ app }) => serving.app === undefined || app === serving.app)
  const groups = unique(own.map(({ channel }) => channel))
  // A deployment that does not know its own URL has that of its packages as both.
  const url = serving.publicUrl === serving.packagesUrl ? undefined : serving.publicUrl
  const given = (name: string): string | undefined => c.req.query(name)?.trim().slice(0, maxLength)
  const lock = given('lock') ?? (hasFeature(serving, 'locks') ? url : undefined) ?? ''
  const strategies = ['reboot', 'etcd-lock', 'off', 'best-effort']
  const group = given('group') || (groups[0] ?? 'stable')
  const fields: readonly Field[] = [
    { name: 'group', label: text.group, value: group, isRequired: true, suggestions: groups },
    { name: 'system', label: text.system, value: given('system') || 'flatcar', choices: ['flatcar', 'coreos'] },
    { name: 'strategy', label: text.strategy, value: given('strategy') || 'reboot', choices: strategies },
    { name: 'start', label: text.start, value: given('start') ?? '', hint: text.startHint },
    { name: 'length', label: text.length, value: given('length') ?? '', hint: text.lengthHint },
    { name: 'lock', label: text.lock, value: lock, hint: text.lockHint },
  ]
  const answers: Answers = Object.fromEntries(fields.map(({ name, value }) => [name, value]))
  const written = readClientConfig({ ...answers, url: url ?? example })
  // A link must not bring a text that nobody here gave a channel.
  const isOurs = 'wrong' in written || isHarmless(written.config.group) || (await isKnown(page, written.config.group))
  const read: Read = isOurs ? written : { wrong: ['group'] }
  const content = part`<h1>${text.title}</h1>
<p class="lead">${text.intro}</p>
${trouble(page)}${url === undefined ? part`<p class="note">${text.noUrl}</p>` : none}${form(page, '/client-config', fields, text.make)}
${await result(page, read)}
<h2 id="strategies">${text.strategies}</h2>
${definitions(Object.entries(text.strategyWords).map(([name, words]) => [part`<code>${name}</code>`, words]))}
<p class="small soft">${text.check}</p>
<p class="small soft">Fedora CoreOS: platte client-config --system fcos</p>`
  return answerPage(page, { title: text.title, section: 'config', status: 'wrong' in read ? 400 : 200 }, content)
}

/** As for machines: by names and aliases, without deleted channels. */
async function isKnown(page: PageContext, channel: string): Promise<boolean> {
  const all = unique(listedChannels(page.status).map(({ app }) => app))
  const apps = page.serving.app === undefined ? all.slice(0, 12) : [page.serving.app]
  const found = await Promise.all(apps.map((app) => readChannelStatus(page, { app, channel })))
  return found.some((one) => !isUnknown(one))
}

/** The files, or what is wrong. */
async function result(page: PageContext, read: Read): Promise<Html> {
  const { config: text } = page.words
  if ('wrong' in read) {
    const names = read.wrong.flatMap((one) => (one === 'window' ? [] : [text[one]]))
    const fields = names.length > 0 ? [text.wrong(names.join(', '))] : []
    return part`${errors(read.wrong.includes('window') ? [...fields, text.window] : fields)}`
  }
  const { config, wasBestEffort } = read
  const notes = [
    ...(page.status.state && !(await isKnown(page, config.group)) ? [text.unknownGroup(config.group)] : []),
    ...(wasBestEffort ? [text.bestEffort] : []),
  ]
  const files = formatsOf(config.system).map((format) => file(page, format, config))
  return part`${notes.map((one) => part`<p class="note">${one}</p>\n`)}${files}<p class="small soft">${text.mixing}</p>`
}

function file({ words }: PageContext, format: Format, config: ClientConfig): Html {
  const { config: text } = words
  const isUpdateConf = format === 'update.conf'
  const path = isUpdateConf ? part`<p class="small soft"><code>${pathOf(config.system)}</code></p>` : none
  const restart = part`<p class="small">${text.afterwards}${words.colon}<code>sudo ${restartOf(config.system)}</code></p>`
  const note = format === 'clc' ? part`<p class="small soft">${text.clcNote}</p>` : none
  return part`<section aria-labelledby="${format}"><h2 id="${format}">${text.files[format]}</h2>${path}
<pre tabindex="0">${renderClientConfig(format, config)}</pre>${isUpdateConf ? restart : none}${note}</section>\n`
}
