/** `/`: a card for each channel, with what its boards are offered. */
import { durationMs } from '../../documents/fields.ts'
import { type ChannelStatus, listedChannels, readListed, type Status, type Unreadable } from '../status.ts'
import { boards } from './board.ts'
import { age, filled, type Html, lengthText, none, part } from './fragments.ts'
import { answerPage, channelTrouble, trouble } from './layout.ts'
import type { PageContext } from './page-context.ts'
import type { Words } from './words-en.ts'

/** Channels of one page: a Worker may ask a store 50 times. */
const maxChannels = 12
const maxCards = 40_000

export async function answerHome(page: PageContext): Promise<Response> {
  const { status, words } = page
  const refs = listedChannels(status)
  const requested = Number(page.c.req.query('from') ?? 0)
  const from = Number.isSafeInteger(requested) && requested > 0 && requested < refs.length ? requested : 0
  const found = await readListed(page.service, status, refs.slice(from, from + maxChannels))
  const { cards, count } = fittingCards(page, found)
  const content = part`<h1>${words.home.title}</h1>
<p class="lead">${words.home.intro}</p>
${trouble(page)}${trust(page)}
${refs.length === 0 && status.state ? part`<h2>${words.home.none}</h2><p>${words.home.noneHint}</p>` : cards}
${pager(page, { from, to: from + count, total: refs.length })}`
  return answerPage(page, { title: words.home.title, section: 'channels' }, content)
}

function fittingCards(page: PageContext, found: readonly (ChannelStatus | Unreadable)[]) {
  const all = found.map((one) => ({ one, html: isGone(one) ? none : card(page, one) }))
  let size = 0
  const end = all.findIndex(({ html }, i) => {
    size += html.length
    return i > 0 && size > maxCards
  })
  const count = end < 0 ? all.length : end
  const shown = all.slice(0, count).filter(({ html }) => html !== none)
  const cards = [...Map.groupBy(shown, ({ one }) => one.app).values()].map(
    (list) => part`<h2>${list[0]?.one.appName}</h2>\n<div class="cards">\n${list.map(({ html }) => html)}</div>\n`,
  )
  return { cards: part`${cards}`, count }
}

/** A deleted channel stays in the catalog, so that nobody can restore it. */
const isGone = (one: ChannelStatus | Unreadable): boolean =>
  'problem' in one && one.problem.reason === 'unknown-channel'

function card({ status, words, link }: PageContext, one: ChannelStatus | Unreadable): Html {
  const url = link(`/channels/${one.app}/${one.channel}`)
  const heading = part`<h3><a href="${url}">${one.channel}</a></h3>`
  if ('problem' in one) return part`<article class="card">${heading}\n${channelTrouble(one.problem, words)}</article>\n`
  const { manifest, boards: statuses } = one
  return part`<article class="card" id="${one.app}.${one.channel}">${heading}
${manifest.description ? part`<p class="small soft">${manifest.description}</p>\n` : none}${
  statuses.length === 0
    ? part`<p class="version nothing">${words.home.empty}</p>`
    : boards(statuses, { now: status.now, words, level: 4 })
}<ul class="facts">${cadenceFacts(one, status, words)}<li>${words.trust.sequence} ${manifest.seq}${words.comma}${filled(words.trust.issued, age(Date.parse(manifest.issuedAt), status.now, words))}</li></ul></article>\n`
}

export function cadenceFacts({ manifest: { cadence }, dueAt }: ChannelStatus, { now }: Status, words: Words): Html {
  if (cadence === undefined) return none
  const sentence = dueAt !== undefined && dueAt < now ? words.cadence.overdue : words.cadence.due
  return part`<li>${words.cadence.every(lengthText(durationMs(cadence.every), words), cadence.on)}</li>
${dueAt === undefined ? none : part`<li>${filled(sentence, age(dueAt, now, words))}</li>\n`}`
}

function trust({ status: { state, now, problem }, words }: PageContext): Html {
  if (state === undefined) return none
  const { catalog, root } = state
  const { trust } = words
  const keys = (ids: readonly string[]) => ids.map((id) => part` <code>${id.slice(0, 8)}</code>`)
  return part`<ul class="facts" aria-label="${trust.heading}">
<li><span class="state ${problem ? 'bad' : 'good'}">${problem ? words.reasons[problem.reason] : trust.good}</span></li>
<li>${filled(trust.signed, age(catalog.issuedAtMs, now, words))}</li>
<li>${filled(trust.expires, age(catalog.expiresMs, now, words))}</li>
<li>${trust.timestampKey}${keys(catalog.keyIds)}</li>
<li>${trust.releaseKey}${keys(root.root.roles.release.keyIds)}</li>
<li>${trust.root} ${root.root.version}</li>
</ul>`
}

function pager(
  { words, link }: PageContext,
  { from, to, total }: { readonly from: number; readonly to: number; readonly total: number },
): Html {
  if (from === 0 && to >= total) return none
  const { paging, home } = words
  const before = Math.max(0, from - maxChannels)
  return part`<nav class="pager" aria-label="${paging.label}"><span class="soft">${home.shown(from + 1, to, total)}</span>
${from > 0 ? part`<a rel="prev" href="${link('/', before > 0 ? { from: String(before) } : {})}">${paging.before}</a>` : none}
${to < total ? part`<a rel="next" href="${link('/', { from: String(to) })}">${paging.after}</a>` : none}</nav>`
}
