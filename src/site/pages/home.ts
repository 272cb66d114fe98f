/** `/`: a card for each channel, with what its boards are offered. */
import { type Found, isUnknown, listedChannels, readListed } from '../status.ts'
import { boards } from './board.ts'
import { age, cadenceFacts, filled, followed, type Html, none, part } from './fragments.ts'
import { answerPage, channelTrouble, type PageContext, trouble } from './page.ts'

/** Channels of one page: a Worker may ask a store 50 times. */
const maxChannels = 12
/** Characters after which a page takes no further card. */
const maxCards = 40_000

export async function answerHome(page: PageContext): Promise<Response> {
  const { status, words } = page
  const refs = listedChannels(status)
  const requested = Number(page.c.req.query('from') ?? 0)
  const from = Number.isSafeInteger(requested) && requested > 0 && requested < refs.length ? requested : 0
  const { cards, count } = fittingCards(page, await readListed(page, refs.slice(from, from + maxChannels)))
  const content = part`<h1>${words.home.title}</h1>
<p class="lead">${words.home.intro}</p>
${trouble(page)}${trust(page)}
${refs.length === 0 && status.state ? part`<h2>${words.home.none}</h2><p>${words.home.noneHint}</p>` : cards}
${pager(page, from, from + count, refs.length)}`
  return answerPage(page, { title: words.home.title, section: 'channels' }, content)
}

function fittingCards(page: PageContext, found: readonly Found[]) {
  const all = found.map((one) => ({ one, html: isUnknown(one) ? none : card(page, one) }))
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

function card(page: PageContext, one: Found): Html {
  const { words, link } = page
  const heading = part`<h3><a href="${link(`/channels/${one.app}/${one.channel}`)}">${one.channel}</a></h3>`
  if ('problem' in one) return part`<article class="card">${heading}\n${channelTrouble(one.problem, words)}</article>\n`
  const { manifest, boards: statuses } = one
  const issued = filled(words.manifest.issued, age(Date.parse(manifest.issuedAt), page))
  return part`<article class="card" id="${one.app}.${one.channel}">${heading}
${manifest.description ? part`<p class="small soft">${manifest.description}</p>\n` : none}${
  statuses.length === 0 ? part`<p class="version nothing">${words.home.empty}</p>` : boards(one, page, 4)
}<ul class="facts">${manifest.follow ? part`<li>${words.channel.about.follows} ${followed(one, page)}</li>\n` : none}${cadenceFacts(one, page)}<li>${words.manifest.revision} ${manifest.seq}${words.comma}${issued}</li></ul></article>\n`
}

function trust(page: PageContext): Html {
  const { state, problem } = page.status
  if (state === undefined) return none
  const { catalog, root } = state
  const { trust, keys, states } = page.words
  const list = (ids: readonly string[]) => ids.map((id) => part` <code>${id.slice(0, 8)}</code>`)
  return part`<ul class="facts" aria-label="${trust.heading}">
<li><span class="state ${problem ? 'bad' : 'good'}">${problem ? states[problem.reason] : trust.good}</span></li>
<li>${filled(trust.signed, age(catalog.issuedAtMs, page))}</li>
<li>${filled(trust.expires, age(catalog.expiresMs, page))}</li>
<li>${keys.timestamp}${list(catalog.keyIds)}</li>
<li>${keys.release}${list(root.root.roles.release.keyIds)}</li>
<li>${keys.root} ${root.root.version}</li>
</ul>`
}

function pager({ words: { paging, home }, link }: PageContext, from: number, to: number, total: number): Html {
  if (from === 0 && to >= total) return none
  const before = Math.max(0, from - maxChannels)
  return part`<nav class="pager" aria-label="${paging.label}"><span class="soft">${home.shown(from + 1, to, total)}</span>
${from > 0 ? part`<a rel="prev" href="${link('/', before > 0 ? { from: String(before) } : {})}">${paging.before}</a>` : none}
${to < total ? part`<a rel="next" href="${link('/', { from: String(to) })}">${paging.after}</a>` : none}</nav>`
}
