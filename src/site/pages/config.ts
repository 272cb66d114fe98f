/** `/client-config`: what a machine needs to ask here, in each format, for this deployment. */
import { hasFeature } from '../../checks/serving.ts'
import { type Read, readClientConfig, type Wrong } from '../../clients/answers.ts'
import {
  type ClientConfig,
  type Format,
  formatsOf,
  pathOf,
  renderClientConfig,
  restartOf,
} from '../../clients/config.ts'
import { listedChannels, readChannelStatus } from '../status.ts'
import { form, maxLength } from './form.ts'
import { type Html, none, part } from './fragments.ts'
import { answerPage } from './layout.ts'
import { ownUrl, type PageContext } from './page-context.ts'
import { trouble } from './trouble.ts'

/** Stands in for the URL of a deployment that does not know its own. */
const example = 'https://updates.example.org'

const fields = ['group', 'system', 'strategy', 'start', 'length', 'lock'] as const
type Field = (typeof fields)[number]
type Asked = Readonly<Record<Field, string>>

/** Answers with the form, and with what it makes. */
export async function answerConfig(page: PageContext): Promise<Response> {
  const { words, serving } = page
  const { config: text } = words
  const groups = groupsOf(page)
  const request = askedOf(page, groups)
  const read = readClientConfig({ ...request, url: ownUrl(serving) ?? example })
  const content = part`<h1>${text.title}</h1>
<p class="lead">${text.intro}</p>
${trouble(page)}${ownUrl(serving) === undefined ? part`<p class="note">${text.noUrl}</p>` : none}${question(page, request, groups)}
${'wrong' in read ? problem(page, read.wrong) : result(page, read, await isKnown(page, read.config.group))}
<h2 id="strategies">${text.strategies}</h2>
<dl class="about">${Object.entries(text.strategyWords).map(([name, words]) => part`<dt><code>${name}</code></dt><dd>${words}</dd>\n`)}</dl>
<p class="small soft">${text.check}</p>`
  return answerPage(page, { title: text.title, section: 'config', status: 'wrong' in read ? 400 : 200 }, content)
}

/** The channels of the app that is meant here, or of all. */
function groupsOf({ status, serving }: PageContext): readonly string[] {
  const places = status.state ? listedChannels(status.state) : []
  const own = places.filter(({ app }) => serving.app === undefined || app === serving.app)
  return [...new Set(own.map(({ channel }) => channel))]
}

function askedOf({ c, serving }: PageContext, groups: readonly string[]): Asked {
  const read = (name: string): string | undefined => c.req.query(name)?.trim().slice(0, maxLength)
  return {
    group: read('group') || (groups[0] ?? 'stable'),
    system: read('system') || 'flatcar',
    strategy: read('strategy') || 'reboot',
    start: read('start') ?? '',
    length: read('length') ?? '',
    lock: read('lock') ?? (hasFeature(serving, 'locks') ? ownUrl(serving) : undefined) ?? '',
  }
}

function problem({ words: { config } }: PageContext, wrong: readonly Wrong[]): Html {
  const names = wrong.filter((one) => one !== 'window').map((one) => config[one])
  return part`${names.length > 0 ? part`<p class="error" role="alert">${config.wrong(names.join(', '))}</p>\n` : none}${
    wrong.includes('window') ? part`<p class="error" role="alert">${config.window}</p>\n` : none
  }`
}

/** As machines are answered: by names and aliases, not of channels that have ended. */
async function isKnown({ service, status, serving }: PageContext, channel: string): Promise<boolean> {
  const places = status.state ? listedChannels(status.state) : []
  const apps = serving.app === undefined ? [...new Set(places.map(({ app }) => app))].slice(0, 12) : [serving.app]
  const found = await Promise.all(apps.map((app) => readChannelStatus(service, status, { app, channel })))
  return found.some((one) => !('problem' in one) || !one.problem.reason.startsWith('unknown-'))
}

type Usable = Extract<Read, { readonly config: ClientConfig }>

function result(page: PageContext, { config, wasBestEffort }: Usable, isKnown: boolean): Html {
  const { words } = page
  const { config: text } = words
  const notes = [
    ...(page.status.state && !isKnown ? [text.unknownGroup(config.group)] : []),
    ...(wasBestEffort ? [text.bestEffort] : []),
  ]
  const files = formatsOf(config.system).map((format) => file(page, format, config))
  return part`${notes.map((one) => part`<p class="note">${one}</p>\n`)}${files}<p class="small soft">${text.mixing}</p>`
}

function file({ words }: PageContext, format: Format, config: ClientConfig): Html {
  const { config: text } = words
  const ref = format === 'update.conf' ? part`<p class="small soft"><code>${pathOf(config.system)}</code></p>` : none
  const restart =
    format === 'update.conf'
      ? part`<p class="small">${text.afterwards}${words.colon}<code>sudo ${restartOf(config.system)}</code></p>`
      : none
  const note = format === 'clc' ? part`<p class="small soft">${text.clcNote}</p>` : none
  return part`<section aria-labelledby="${format}"><h2 id="${format}">${text.files[format]}</h2>${ref}
<pre tabindex="0">${renderClientConfig(format, config)}</pre>${restart}${note}</section>\n`
}

function question(page: PageContext, request: Asked, groups: readonly string[]): Html {
  const { config: text } = page.words
  const hints: Readonly<Partial<Record<Field, string>>> = {
    start: text.startHint,
    length: text.lengthHint,
    lock: text.lockHint,
  }
  const choices: Readonly<Partial<Record<Field, readonly string[]>>> = {
    system: ['flatcar', 'coreos'],
    strategy: ['reboot', 'etcd-lock', 'off', 'best-effort'],
  }
  return form(page, {
    path: '/client-config',
    fields: fields.map((name) => ({
      ...{ name, label: text[name], value: request[name], hint: hints[name], choices: choices[name] },
      ...(name === 'group' && { isRequired: true, suggestions: groups }),
    })),
    submit: text.make,
  })
}
