/** `/explain`: a form that says what a machine gets, why, and when that changes. */

import { type Explanation, explain, type Outcome } from '../../checks/explain.ts'
import { appKey } from '../../checks/update-check.ts'
import { isInstant } from '../../documents/fields.ts'
import { percent } from '../../kernel/format.ts'
import { listedChannels } from '../status.ts'
import { reasonLink } from './board.ts'
import { form, maxLength } from './form.ts'
import { filled, type Html, inEnglish, none, part, time } from './fragments.ts'
import { answerPage } from './layout.ts'
import type { PageContext } from './page-context.ts'
import { trouble } from './trouble.ts'
import type { Words } from './words-en.ts'

const needed = ['app', 'channel', 'version', 'board'] as const
const fields = [...needed, 'machine', 'oem', 'at'] as const
type Field = (typeof fields)[number]

/** What the form was filled in with; empty where it was not. */
type Asked = Readonly<Record<Field, string>> & { readonly manual: boolean }

/** Answers with the form, and with the answer where it is filled in. */
export async function answerExplainPage(page: PageContext): Promise<Response> {
  const { serving, words } = page
  const title = words.explain.title
  const head = { title, section: 'explain' } as const
  if (serving.explain !== 'public') {
    return answerPage(page, head, part`<h1>${title}</h1><p class="note">${words.explain.closed}</p>`)
  }
  const request = askedOf(page)
  const isAsked = needed.some((name) => page.c.req.query(name) !== undefined)
  const problems = isAsked ? problemsOf(request, words) : []
  const answer = isAsked && problems.length === 0 ? await answerOf(page, request) : none
  const errors = problems.map((one) => part`<p class="error" role="alert">${one}</p>\n`)
  const content = part`<h1>${title}</h1>
<p class="lead">${words.explain.intro}</p>
${trouble(page)}${errors}${answer}${question(page, request)}`
  return answerPage(page, { ...head, status: problems.length > 0 ? 400 : 200 }, content)
}

function askedOf({ c, serving }: PageContext): Asked {
  const read = (name: string): string => (c.req.query(name) ?? '').trim()
  const texts = Object.fromEntries(fields.map((name) => [name, read(name)])) as Record<Field, string>
  return { ...texts, app: texts.app || (serving.app ?? ''), manual: read('manual') === '1' }
}

function problemsOf(request: Asked, { explain }: Words): readonly string[] {
  const missing = needed.filter((name) => request[name] === '').map((name) => explain[name])
  return [
    ...(missing.length > 0 ? [explain.missing(missing.join(', '))] : []),
    ...fields.filter((name) => request[name].length > maxLength).map((name) => explain.tooLong(explain[name])),
    ...(request.at !== '' && !isInstant(request.at) ? [explain.badInstant] : []),
  ]
}

async function answerOf(page: PageContext, request: Asked): Promise<Html> {
  const { app, channel, version, board, machine, oem, manual, at } = request
  const query = { app: appKey(app), channel, version, board, machineId: machine, oem, isManual: manual }
  const found = await explain(page.service, { query, at: at ? Date.parse(at) : undefined, audience: 'everybody' })
  return explanation(page, found, version)
}

function explanation({ words, status }: PageContext, found: Explanation, version: string): Html {
  const { explain: text } = words
  const { draw, share, stoppedAt, windowEdge } = found.numbers ?? {}
  const instant = (at: string) => time(Date.parse(at), status.now, words)
  const rows: readonly (readonly [string, Html | string | undefined])[] = [
    [text.because, whyText(found, words, version)],
    found.reason === 'target'
      ? [text.target, found.because && inEnglish(found.because)]
      : [text.said, found.because === undefined ? undefined : reasonLink(found.because)],
    [text.path, found.path?.join(' → ')],
    [text.draw, draw === undefined ? undefined : percent(draw)],
    [text.share, share === undefined ? undefined : percent(share)],
    [text.stopped, stoppedAt && instant(stoppedAt)],
    [text.edge, windowEdge && instant(windowEdge)],
    [
      text.next,
      found.next &&
        part`${found.next.offered ? text.nextUpdate(found.next.offered) : text.nextNone}, ${instant(found.next.at)}`,
    ],
  ]
  return part`<section class="sheet" aria-label="${text.answer}"><p class="answer">${found.offered === undefined ? text.none : text.update(found.offered)}</p>
<p class="small soft">${filled(text.asOf, instant(found.at))}</p>
<dl class="about">${rows.flatMap(([what, value]) => (value ? [part`<dt>${what}</dt><dd>${value}</dd>\n`] : []))}</dl>
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

function question(page: PageContext, request: Asked): Html {
  const { explain: text } = page.words
  const places = page.status.state ? listedChannels(page.status.state) : []
  const suggestions: Readonly<Partial<Record<Field, readonly string[]>>> = {
    app: [...new Set(places.map(({ app }) => app))],
    channel: [...new Set(places.map(({ channel }) => channel))],
    board: ['amd64-usr', 'arm64-usr'],
  }
  const hints: Readonly<Partial<Record<Field, string>>> = { machine: text.machineHint, at: text.atHint }
  const isRequired = (name: Field): boolean => (needed as readonly string[]).includes(name)
  const manual = part`<div class="wide"><label><input type="checkbox" name="manual" value="1"${request.manual ? part` checked` : none}>${text.manual}</label></div>\n`
  return part`<h2>${text.ask}</h2>${form(page, {
    path: '/explain',
    fields: fields.map((name) => ({
      ...{ name, label: text[name], value: request[name], hint: hints[name] },
      ...{ isRequired: isRequired(name), suggestions: suggestions[name] },
    })),
    more: manual,
    submit: text.ask,
  })}`
}
