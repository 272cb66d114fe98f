/** `/explain`: which update a machine gets, why, and when that changes. */
import { type Explanation, explain, type Outcome } from '../../checks/explain.ts'
import { appKey } from '../../checks/update-check.ts'
import { isInstant } from '../../documents/fields.ts'
import { percent } from '../../kernel/format.ts'
import { listedChannels } from '../status.ts'
import { reasonLink } from './board.ts'
import { form, maxLength } from './form.ts'
import { definitions, filled, type Html, inEnglish, none, part, time } from './fragments.ts'
import { answerPage, trouble } from './layout.ts'
import type { PageContext } from './page-context.ts'
import type { Words } from './words-en.ts'

const needed = ['app', 'channel', 'version', 'board'] as const
const fields = [...needed, 'machine', 'oem', 'at'] as const
type Field = (typeof fields)[number]

type Values = Readonly<Record<Field, string>> & { readonly manual: boolean }

export async function answerExplainPage(page: PageContext): Promise<Response> {
  const { serving, words } = page
  const title = words.explain.title
  const head = { title, section: 'explain' } as const
  if (serving.explain !== 'public') {
    return answerPage(page, head, part`<h1>${title}</h1><p class="note">${words.explain.closed}</p>`)
  }
  const request = readForm(page)
  const isFilled = needed.some((name) => page.c.req.query(name) !== undefined)
  const problems = isFilled ? problemsOf(request, words) : []
  const answer = isFilled && problems.length === 0 ? await answerOf(page, request) : none
  const errors = problems.map((one) => part`<p class="error" role="alert">${one}</p>\n`)
  const content = part`<h1>${title}</h1>
<p class="lead">${words.explain.intro}</p>
${trouble(page)}${errors}${answer}${question(page, request)}`
  return answerPage(page, { ...head, status: problems.length > 0 ? 400 : 200 }, content)
}

function readForm({ c, serving }: PageContext): Values {
  const read = (name: string): string => (c.req.query(name) ?? '').trim()
  const texts = Object.fromEntries(fields.map((name) => [name, read(name)])) as Record<Field, string>
  return { ...texts, app: texts.app || (serving.app ?? ''), manual: read('manual') === '1' }
}

function problemsOf(request: Values, { explain }: Words): readonly string[] {
  const missing = needed.filter((name) => request[name] === '').map((name) => explain[name])
  return [
    ...(missing.length > 0 ? [explain.missing(missing.join(', '))] : []),
    ...fields.filter((name) => request[name].length > maxLength).map((name) => explain.tooLong(explain[name])),
    ...(request.at !== '' && !isInstant(request.at) ? [explain.badInstant] : []),
  ]
}

async function answerOf(page: PageContext, request: Values): Promise<Html> {
  const { app, channel, version, board, machine, oem, manual, at } = request
  const query = { app: appKey(app), channel, version, board, machineId: machine, oem, isManual: manual }
  const found = await explain(page.service, { query, at: at ? Date.parse(at) : undefined, audience: 'everybody' })
  return explanation(page, found, version)
}

function explanation({ words, status }: PageContext, found: Explanation, version: string): Html {
  const { explain: text } = words
  const { draw, share, stoppedAt, windowEdge } = found.numbers ?? {}
  const instant = (at: string) => time(Date.parse(at), status.now, words)
  const rows = definitions([
    [text.because, whyText(found, words, version)],
    found.reason === 'target'
      ? [text.target, found.because && inEnglish(found.because)]
      : [text.said, found.because === undefined ? undefined : reasonLink(found.because)],
    [text.path, found.path?.join(' → ')],
    [text.bucket, draw === undefined ? undefined : percent(draw)],
    [text.share, share === undefined ? undefined : percent(share)],
    [text.stopped, stoppedAt && instant(stoppedAt)],
    [text.edge, windowEdge && instant(windowEdge)],
    [
      text.next,
      found.next &&
        part`${found.next.offered ? text.nextUpdate(found.next.offered) : text.nextNone}, ${instant(found.next.at)}`,
    ],
  ])
  return part`<section class="sheet" aria-label="${text.answer}"><p class="answer">${found.offered === undefined ? text.none : text.update(found.offered)}</p>
<p class="small soft">${filled(text.asOf, instant(found.at))}</p>
${rows}
${found.note ? part`<p class="small">${text.listed}</p>` : none}</section>\n`
}

/** Sentences of the terminal begin small and have no full stop. */
const inSentenceCase = (text: string): string =>
  text.charAt(0).toUpperCase() + text.slice(1).replace(/(?<![.。])$/, '.')

function whyText(
  { reason, withheld, offered, isRollback }: Outcome,
  { explain, board }: Words,
  running: string,
): string {
  if (isRollback) return board.sentBack(running, offered ?? '')
  return reason === undefined ? '' : inSentenceCase(explain.why[reason]).replace('{version}', () => withheld ?? '')
}

function question(page: PageContext, values: Values): Html {
  const { explain: text } = page.words
  const refs = listedChannels(page.status)
  const manual = part`<div class="wide"><label><input type="checkbox" name="manual" value="1"${values.manual ? part` checked` : none}>${text.manual}</label></div>\n`
  return part`<h2>${text.ask}</h2>${form<Field>(page, {
    ...{ path: '/explain', fields, labels: text, values, required: needed, marksOptional: true },
    hints: { machine: text.machineHint, at: text.atHint },
    suggestions: {
      app: [...new Set(refs.map(({ app }) => app))],
      channel: [...new Set(refs.map(({ channel }) => channel))],
      board: ['amd64-usr', 'arm64-usr'],
    },
    more: manual,
    submit: text.ask,
  })}`
}
