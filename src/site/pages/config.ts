/** `/client-config`: the configuration that points a machine at this deployment, in each format. */
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
import { definitions, type Html, none, part } from './fragments.ts'
import { answerPage, trouble } from './layout.ts'
import { ownUrl, type PageContext } from './page-context.ts'

/** Stands in for the URL of a deployment that does not know its own. */
const example = 'https://updates.example.org'

const fields = ['group', 'system', 'strategy', 'start', 'length', 'lock'] as const
type Field = (typeof fields)[number]

export async function answerConfig(page: PageContext): Promise<Response> {
  const { words, serving } = page
  const { config: text } = words
  const groups = groupsOf(page)
  const request = readForm(page, groups)
  const read = readClientConfig({ ...request, url: ownUrl(serving) ?? example })
  const content = part`<h1>${text.title}</h1>
<p class="lead">${text.intro}</p>
${trouble(page)}${ownUrl(serving) === undefined ? part`<p class="note">${text.noUrl}</p>` : none}${question(page, request, groups)}
${'wrong' in read ? problem(page, read.wrong) : result(page, read, await isKnown(page, read.config.group))}
<h2 id="strategies">${text.strategies}</h2>
${definitions(Object.entries(text.strategyWords).map(([name, words]) => [part`<code>${name}</code>`, words]))}
<p class="small soft">${text.check}</p>`
  return answerPage(page, { title: text.title, section: 'config', status: 'wrong' in read ? 400 : 200 }, content)
}

/** The channels of the deployment's app, or of all. */
function groupsOf({ status, serving }: PageContext): readonly string[] {
  const own = listedChannels(status).filter(({ app }) => serving.app === undefined || app === serving.app)
  return [...new Set(own.map(({ channel }) => channel))]
}

function readForm({ c, serving }: PageContext, groups: readonly string[]): Readonly<Record<Field, string>> {
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

/** As for machines: by names and aliases, without deleted channels. */
async function isKnown({ service, status, serving }: PageContext, channel: string): Promise<boolean> {
  const all = [...new Set(listedChannels(status).map(({ app }) => app))]
  const apps = serving.app === undefined ? all.slice(0, 12) : [serving.app]
  const found = await Promise.all(apps.map((app) => readChannelStatus(service, status, { app, channel })))
  return found.some((one) => !('problem' in one) || !one.problem.reason.startsWith('unknown-'))
}

function result(
  page: PageContext,
  { config, wasBestEffort }: Exclude<Read, { readonly wrong: unknown }>,
  isKnown: boolean,
): Html {
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
  const isUpdateConf = format === 'update.conf'
  const path = isUpdateConf ? part`<p class="small soft"><code>${pathOf(config.system)}</code></p>` : none
  const restart = part`<p class="small">${text.afterwards}${words.colon}<code>sudo ${restartOf(config.system)}</code></p>`
  const note = format === 'clc' ? part`<p class="small soft">${text.clcNote}</p>` : none
  return part`<section aria-labelledby="${format}"><h2 id="${format}">${text.files[format]}</h2>${path}
<pre tabindex="0">${renderClientConfig(format, config)}</pre>${isUpdateConf ? restart : none}${note}</section>\n`
}

function question(page: PageContext, values: Readonly<Record<Field, string>>, groups: readonly string[]): Html {
  const { config: text } = page.words
  return form<Field>(page, {
    ...{ path: '/client-config', fields, labels: text, values, required: ['group'] },
    hints: { start: text.startHint, length: text.lengthHint, lock: text.lockHint },
    choices: { system: ['flatcar', 'coreos'], strategy: ['reboot', 'etcd-lock', 'off', 'best-effort'] },
    suggestions: { group: groups },
    submit: text.make,
  })
}
