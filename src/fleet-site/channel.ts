/** `/fleet/channel`: one channel, with every version, failure and reason. */

import { percent } from '../kernel/format.ts'
import { count, fitting, given } from '../private-pages/page.ts'
import type { ListedRelease } from '../release/rollout-status.ts'
import { type Html, none, part, stateLabel } from '../site/pages/fragments.ts'
import { readChannelStatus } from '../site/status.ts'
import {
  type ChannelMachines,
  type Counted,
  channelData,
  dayMs,
  hourMs,
  hoursUntil,
  instantOfHour,
  readChannels,
  total,
  trendOf,
} from './channels.ts'
import { appName, legend, stateBar, versionChart } from './overview.ts'
import { detailText, type FleetPage, toMachines, tools, type View } from './page.ts'

const periods = [1, 7, 30, 90] as const
const places = 61
/** Rows of a table. */
const maxRows = 20

export async function viewFleetChannel(page: FleetPage): Promise<View> {
  const { fleet, text, now, read } = page
  const [app, channel] = [read('app'), read('channel')]
  const one = readChannels(fleet).find((found) => found.app === app && found.channel === channel)
  const title = given(channel) || text.title
  if (one === undefined) {
    const content = () => part`<h1>${title}</h1>\n${tools(page)}<p class="note">${text.noChannel}</p>`
    return { title, data: { channel: null }, status: 404, content }
  }
  const days = periods.find((period) => String(period) === read('days')) ?? 30
  const hours = hoursUntil(now, days * dayMs, places)
  const before = [now - dayMs, now - 7 * dayMs].map((at) => Math.floor(at / hourMs))
  const rows = fleet.trend([...hours, ...before], [one])
  const trend = trendOf(
    one,
    rows.map((row) => ({ ...row, machines: row.machines.slice(0, places) })),
  )
  const isHere = (row: { readonly app: string; readonly channel: string }) => row.app === app && row.channel === channel
  const past = new Map(rows.filter(isHere).map((row) => [row.version, row.machines.slice(places)]))
  const silent = total(fleet.silent(now - dayMs).filter(isHere))
  const cameFrom = fleet.moved().filter(isHere)
  const origins = cameFrom.map(
    (row) => part`<li>${text.channel.cameFrom} ${given(row.cameFrom)} <b>${count(row.machines)}</b></li>\n`,
  )
  const rollouts = await readRollouts(page, one)
  return {
    title,
    data: {
      ...channelData(one),
      ...{ silent, cameFrom: Object.fromEntries(cameFrom.map((row) => [row.cameFrom, row.machines])) },
      trend: {
        at: hours.map(instantOfHour),
        versions: trend.series.map(({ version = null, values }) => ({ version, machines: values })),
      },
    },
    content: () => part`<h1>${title}</h1>
<p class="lead">${appName(page, app)}${page.page.words.comma}${text.machines(count(one.machines))}</p>
${tools(page)}<section class="sheet" aria-label="${text.channel.states}">${stateBar(page, one)}<ul class="legend"><li><a href="${toMachines(page, { app, channel, silent: '24h', sort: 'silent' })}">${text.channel.silent}</a> <b>${count(silent)}</b></li>
${fitting(origins, maxRows, 4_000)}</ul></section>
<h2>${text.channel.versions}</h2>
<nav aria-label="${text.channel.range}"><ul>${periods.map((period) => periodLink(page, one, period, days))}</ul></nav>
<section class="sheet" aria-label="${text.channel.versions}">${versionChart(page, one, trend, days)}${legend(page, one, trend, 8)}</section>
${versionTable(page, one, past)}
${rollouts.length === 0 ? none : part`<h2>${text.channel.rollouts}</h2><ul class="plain sheet">${rollouts.map((listed) => rollout(page, one, listed))}</ul>`}
<div class="two"><section><h2>${text.channel.failures}</h2>${countTable(page, one, 'failed')}</section>
${one.waiting.length === 0 ? none : part`<section><h2>${text.channel.waiting}</h2>${countTable(page, one, 'waiting')}</section>`}</div>`,
  }
}

function periodLink(
  { link, text }: FleetPage,
  { app, channel }: ChannelMachines,
  period: number,
  chosen: number,
): Html {
  const current = period === chosen ? part` aria-current="true"` : none
  return part`<li><a href="${link('/channel', { app, channel, days: String(period) })}"${current}>${text.channel.days(period)}</a></li>\n`
}

function versionTable(page: FleetPage, one: ChannelMachines, past: ReadonlyMap<string, readonly number[]>): Html {
  const { text } = page
  const { version, machines, share, dayAgo, weekAgo } = text.channel
  const rows = one.versions.map(([name, n]) => {
    const [day = 0, week = 0] = past.get(name) ?? []
    const to = toMachines(page, { app: one.app, channel: one.channel, version: name })
    return part`<tr><td><a href="${to}">${given(name) || text.channel.noVersion}</a></td><td class="n">${count(n)}</td><td class="n">${percent(n / Math.max(1, one.machines))}</td><td class="n">${count(day)}</td><td class="n">${count(week)}</td></tr>\n`
  })
  return part`<div class="scroll" tabindex="0"><table><thead><tr><th scope="col">${version}</th>${[machines, share, dayAgo, weekAgo].map((name) => part`<th scope="col" class="n">${name}</th>`)}</tr></thead>
<tbody>${fitting(rows, maxRows, 15_000, (more) => part`<tr><td colspan="5">${text.channel.more(more)}</td></tr>`)}</tbody></table></div>`
}

function countTable(page: FleetPage, one: ChannelMachines, state: 'failed' | 'waiting'): Html {
  const { text } = page
  const fellBack = one.states.get('fell-back') ?? 0
  const counts: Counted = one[state]
  const to = (query: Readonly<Record<string, string>>) =>
    toMachines(page, { app: one.app, channel: one.channel, ...query })
  const row = (query: Readonly<Record<string, string>>, name: string, n: number) =>
    part`<tr><td><a href="${to(query)}">${name}</a></td><td class="n">${count(n)}</td></tr>\n`
  const rows = counts.map(([detail, n]) => row({ state, detail }, detailText(detail, page), n))
  const all =
    state === 'failed' && fellBack > 0
      ? [...rows, row({ state: 'fell-back' }, text.states['fell-back'], fellBack)]
      : rows
  if (all.length === 0) return part`<p>${text.channel.noFailures}</p>`
  const head = state === 'failed' ? text.channel.error : text.channel.reason
  return part`<table><thead><tr><th scope="col">${head}</th><th scope="col" class="n">${text.channel.machines}</th></tr></thead>
<tbody>${fitting(all, maxRows, 8_000, (more) => part`<tr><td colspan="2">${text.channel.more(more)}</td></tr>`)}</tbody></table>`
}

/** The newest releases of the channel as it is signed. */
async function readRollouts({ page }: FleetPage, { app, channel }: ChannelMachines): Promise<readonly ListedRelease[]> {
  const found = await readChannelStatus(page, { app, channel }, false)
  return 'problem' in found ? [] : found.releases.slice(0, 5)
}

function rollout(
  { link, page: { words } }: FleetPage,
  { app }: ChannelMachines,
  { release, boards }: ListedRelease,
): Html {
  const [status] = boards
  const label = status ? part` <span class="state">${stateLabel(status, words)}</span>` : none
  return part`<li><a href="${link('/release', { app, version: release.version })}">${release.version}</a>${label}</li>\n`
}
