/** `/fleet`: every channel with its versions over time, states and failures. */

import { count, fitting, given, howManyFit } from '../private-pages/page.ts'
import type { Html } from '../site/pages/fragments.ts'
import { none, part } from '../site/pages/fragments.ts'
import { nameOf } from '../site/status.ts'
import {
  type ChannelMachines,
  channelData,
  dayMs,
  hoursUntil,
  readChannels,
  type Trend,
  total,
  trendOf,
} from './channels.ts'
import { bar, stackedArea } from './charts.ts'
import { chip, colourOf, detailText, type FleetPage, toMachines, tools, type View } from './page.ts'

/** Channels of one page. */
const maxChannels = 6
/** Of their cards. */
const maxBytes = 48_000
const places = 31
const days = 30

export function viewOverview(page: FleetPage): View {
  const { fleet, now, text, read } = page
  const all = readChannels(fleet)
  const requested = Number(read('from') || 0)
  const from = Number.isSafeInteger(requested) && requested > 0 && requested < all.length ? requested : 0
  const shown = all.slice(from, from + maxChannels)
  const lines = fleet.counts()
  const syncers = total(fleet.syncers())
  return {
    title: text.title,
    data: { channels: all.slice(from, from + 1000).map(channelData), syncers, lines },
    content: () => {
      const trends = fleet.trend(hoursUntil(now, days * dayMs, places), shown)
      const cards = shown.map((one) => card(page, one, trendOf(one, trends)))
      const fit = Math.max(1, howManyFit(cards, maxBytes))
      const groups = [...Map.groupBy(cards.slice(0, fit).entries(), ([i]) => shown[i]?.app ?? '')].map(
        ([app, some]) => part`<h2>${appName(page, app)}</h2>
<div class="cards">${some.map(([, one]) => one)}</div>\n`,
      )
      return part`<h1>${text.title}</h1>
<p class="lead">${text.machines(count(total(all)))}${syncers > 0 ? `${page.page.words.comma}${text.channel.syncers(count(syncers))}` : ''}</p>
${tools(page)}${all.length === 0 ? part`<p class="note">${text.none} ${text.noneHint}</p>` : groups}
${pager(page, from, Math.min(all.length, from + fit), all.length)}${strays(page, lines)}`
    },
  }
}

function card(page: FleetPage, one: ChannelMachines, trend: Trend): Html {
  const { text, link } = page
  const query = { app: one.app, channel: one.channel }
  return part`<article class="card"><h3><a href="${link('/channel', query)}">${given(one.channel) || '–'}</a></h3>
<p class="version">${text.machines(count(one.machines))}</p>
${stateBar(page, one)}${versionChart(page, one, trend, days)}${legend(page, one, trend, 4)}${
  one.failed.length === 0
    ? none
    : part`<h4>${text.channel.failures}</h4><ul class="legend">${one.failed.slice(0, 3).map(([error, n]) => {
        const to = toMachines(page, { ...query, state: 'failed', detail: error })
        return part`<li><a href="${to}">${detailText(error, page)}</a> <b>${count(n)}</b></li>\n`
      })}</ul>`
}</article>\n`
}

/** The name of an app; machines may send any. */
export const appName = ({ page }: FleetPage, app: string): string => nameOf(given(app), page.status)

/** How many machines are in each state, each with a link to these. */
export function stateBar(page: FleetPage, { app, channel, states }: ChannelMachines): Html {
  const { text } = page
  const parts = Object.entries(Object.groupBy([...states], ([state]) => colourOf(state))).map(
    ([className, some = []]) => ({
      ...{ className, count: some.reduce((sum, [, n]) => sum + n, 0) },
    }),
  )
  const label = text.channel.bar([...states].map(([state, n]) => `${text.states[state]} ${count(n)}`).join(', '))
  const items = [...states].map(([state, n]) => {
    const to = toMachines(page, { app, channel, state })
    return part`<li><a href="${to}">${chip(state, text)}</a> <b>${count(n)}</b></li>\n`
  })
  return part`${bar(parts, label)}<ul class="legend">${items}</ul>`
}

export function versionChart(page: FleetPage, one: ChannelMachines, { series, most }: Trend, length: number): Html {
  const { text, now } = page
  if (series.length === 0) return none
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10)
  return stackedArea(series, most, {
    label: text.channel.chart(given(one.channel), text.channel.days(length)),
    ...{ ends: [day(now - length * dayMs), day(now)], top: count(most) },
  })
}

/** Newest first, as the areas lie on each other. */
export function legend(page: FleetPage, one: ChannelMachines, { series }: Trend, most: number): Html {
  const { text } = page
  const items = series.toReversed().map(({ version, className, values }) => {
    const n = part`<b>${count(values.at(-1) ?? 0)}</b>`
    const dot = part`<span class="dot ${className}"></span>`
    if (version === undefined) return part`<li>${dot}${text.channel.others} ${n}</li>\n`
    const to = toMachines(page, { app: one.app, channel: one.channel, version })
    return part`<li>${dot}<a href="${to}">${given(version) || text.channel.noVersion}</a> ${n}</li>\n`
  })
  return part`<ul class="legend">${fitting(items, most, 8_000)}</ul>`
}

function pager({ page: { words }, text, link }: FleetPage, from: number, to: number, all: number): Html {
  if (from === 0 && to >= all) return none
  const before = Math.max(0, from - maxChannels)
  return part`<nav class="pager" aria-label="${words.paging.label}"><span class="soft">${text.channel.shown(from + 1, to, all)}</span>
${from > 0 ? part`<a rel="prev" href="${link('', { from: before > 0 ? String(before) : '' })}">${words.paging.before}</a>` : none}
${to < all ? part`<a rel="next" href="${link('', { from: String(to) })}">${words.paging.after}</a>` : none}</nav>`
}

function strays({ text }: FleetPage, lines: Readonly<Record<string, number>>): Html {
  const items = Object.entries(lines).filter(([, n]) => n > 0)
  if (items.length === 0) return none
  return part`<h2>${text.lost}</h2><ul class="legend">${items.map(([name, n]) => part`<li>${text.lines[name] ?? name} <b>${count(n)}</b></li>\n`)}</ul>`
}
