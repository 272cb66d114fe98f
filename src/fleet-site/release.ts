/** `/fleet/release`: how far machines came with a release, against what the ramp of each channel plans. */
import { curveSteps } from '../fleet/progress-rows.ts'
import type { ReleaseProgress } from '../fleet/reader.ts'
import { isoText, percent, timeText } from '../kernel/format.ts'
import { count, fitting, given } from '../private-pages/page.ts'
import { shareAt } from '../release/ramp.ts'
import type { ReleaseStatus } from '../release/rollout-status.ts'
import { definitions, type Html, none, part, reasonLink, stateLabel } from '../site/pages/fragments.ts'
import { readChannelStatus } from '../site/status.ts'
import { type ChannelMachines, dayMs, hourMs, readChannels } from './channels.ts'
import { shareLines } from './charts.ts'
import { type Curves, firstOffer, readCurves } from './curves.ts'
import { detailText, type FleetPage, toMachines, tools, type View } from './page.ts'

/** Of a chart, on its x axis. */
const places = 97
/** Channels of an app that are read for one page. */
const maxChannels = 6

interface Rollout extends ChannelMachines {
  readonly curves: Curves
  /** Shares; `undefined` without a ramp. */
  readonly planned: readonly number[] | undefined
  readonly plannedNow: number
  readonly time: Time
  readonly status: ReleaseStatus
}

interface Time {
  readonly from: number
  readonly stepMs: number
  readonly count: number
}

export async function viewRelease(page: FleetPage): Promise<View> {
  const { read, text, fleet } = page
  const [app, version] = [read('app'), read('version')]
  const title = given(version) || text.title
  const [progress] = version === '' ? [] : fleet.release(version, app)
  const rollouts = await readRollouts(page, app, version)
  if (progress === undefined && rollouts.length === 0) {
    const content = () => part`<h1>${title}</h1>\n${tools(page)}<p class="note">${text.release.none}</p>`
    return { title, data: { release: null }, status: 404, content }
  }
  return {
    title,
    data: { release: progress ?? null, channels: rollouts.map(rolloutData) },
    content: () => part`<h1>${title}</h1>
${tools(page)}${progress ? numbers(page, progress) : part`<p class="note">${text.release.none}</p>`}
${rollouts.map((one) => section(page, one, version))}<p class="small soft">${text.release.note}</p>
${progress ? failures(page, progress) : none}`,
  }
}

const instantsOf = ({ from, stepMs }: Time): readonly number[] =>
  Array.from({ length: places }, (_, i) => from + i * stepMs)

const rolloutData = ({ app, channel, machines, time, planned, curves }: Rollout): object => ({
  ...{ app, channel, machines, at: instantsOf(time).map(isoText), planned: planned ?? null, ...curves },
})

/** In the channels that have the release and machines. */
async function readRollouts(page: FleetPage, app: string, version: string): Promise<readonly Rollout[]> {
  const here = readChannels(page.fleet).filter((one) => one.app === app)
  const found = await Promise.all(
    here.slice(0, maxChannels).map(async (one) => {
      const status = await readChannelStatus(page.page, { app, channel: one.channel }, false)
      const listed =
        'problem' in status ? undefined : status.releases.find(({ release }) => release.version === version)
      const [board] = listed?.boards ?? []
      return listed && board ? [rolloutOf(page, one, { version, status: board, from: listed.offeredFrom })] : []
    }),
  )
  return found.flat()
}

interface Listed {
  readonly version: string
  readonly status: ReleaseStatus
  readonly from: number
}

function rolloutOf({ now, database }: FleetPage, one: ChannelMachines, { version, status, from }: Listed): Rollout {
  const release = { app: one.app, version, channel: one.channel }
  const { ramps } = status.candidate
  const points = ramps.flatMap((ramp) => ramp.points.map(({ at }) => at))
  const begin = points.length > 0 ? Math.max(from, Math.min(...points)) : from
  const time = timeOf(now, Math.min(begin, firstOffer(database, release) ?? begin), points)
  const instants = instantsOf(time)
  // With the step that now is in.
  const past = instants.filter((at) => at < now).length + 1
  const { offered, installed, done } = readCurves(database, release, time)
  const share = (at: number) => (at < from ? 0 : Math.min(1, ...ramps.map((ramp) => shareAt(ramp, at))))
  return {
    ...{ ...one, time, status, plannedNow: share(now) },
    curves: { offered: offered.slice(0, past), installed: installed.slice(0, past), done: done.slice(0, past) },
    planned: ramps.length === 0 ? undefined : instants.map(share),
  }
}

/** Until the end of its ramp, or as long again where that is over. */
function timeOf(now: number, start: number, points: readonly number[]): Time {
  const from = Math.min(start, now)
  const end = Math.max(from + hourMs, ...points)
  const to = now < end ? end : Math.min(now, end + Math.max(7 * dayMs, end - from))
  return { from, stepMs: Math.max(1, Math.ceil((to - from) / (places - 1))), count: places }
}

function section(page: FleetPage, rollout: Rollout, version: string): Html {
  const { text, link, page: context } = page
  const { app, channel, machines, versions, planned, status } = rollout
  const runs = versions.find(([name]) => name === version)?.[1] ?? 0
  return part`<h2><a href="${link('/channel', { app, channel })}">${given(channel)}</a> <span class="state">${stateLabel(status, context.words)}</span> <span class="soft small">${text.machines(count(machines))}</span></h2>
<section class="sheet" aria-label="${given(channel)}">${status.because ? part`<p>${reasonLink(status.because)}</p>\n` : none}${chart(page, rollout, version)}
<p class="small">${planned === undefined && status.state === 'offered' ? `${text.release.noRamp} ` : ''}<a href="${toMachines(page, { app, channel, version })}">${text.release.runs}</a> <b>${count(runs)}</b></p></section>\n`
}

function chart(
  { text, now }: FleetPage,
  { planned, plannedNow, curves, machines, time }: Rollout,
  version: string,
): Html {
  const to = time.from + (places - 1) * time.stepMs
  const share = (n: number): number => n / Math.max(1, machines)
  const series = [
    ...(planned ? [{ name: text.release.planned, className: 'p', values: planned }] : []),
    ...curveSteps.map((step) => ({
      ...{ name: text.release[step], className: step.charAt(0), values: curves[step].map(share) },
    })),
  ]
  const nowAt = (now - time.from) / (to - time.from)
  const drawn = shareLines(series, places, {
    ...{ label: text.release.chart(given(version)), top: '100 %' },
    ends: [timeText(time.from, 'minute'), timeText(to, 'minute')],
    ...(nowAt < 1 && { now: nowAt }),
  })
  const legend = series.map(({ name, className, values }) => {
    const share = className === 'p' ? plannedNow : (values.at(-1) ?? 0)
    return part`<li><span class="dot ${className}"></span>${name} <b>${percent(share)}</b></li>\n`
  })
  return part`${drawn}<ul class="legend">${legend}</ul>`
}

function numbers({ text, page: { words } }: FleetPage, progress: ReleaseProgress): Html {
  const { release } = text
  const failed = Object.values(progress.failed).reduce((sum, n) => sum + n, 0)
  const { success, medianMs } = progress
  const steps = ['offered', 'begun', 'installed', 'done'] as const
  const interval = success && release.interval(percent(success.low), percent(success.high))
  const list = definitions([
    ...steps.map((step) => [release[step], count(progress[step])] as const),
    [release.failed, count(failed)],
    [release.fellBack, count(progress.fellBack)],
    [release.success, success && part`<b>${percent(success.share)}</b>${words.comma}${interval}`],
    [release.median, medianMs === undefined ? undefined : lengthOf(medianMs, release.lengths)],
  ])
  return part`<section class="sheet" aria-label="${text.title}">${list}</section>`
}

/** e.g. `35 minutes`. */
function lengthOf(ms: number, names: Readonly<Record<'day' | 'hour' | 'minute', string>>): string {
  const minutes = Math.max(1, Math.round(ms / 60_000))
  if (minutes < 120) return `${minutes} ${names.minute}`
  return minutes < 48 * 60
    ? `${Math.round(minutes / 60)} ${names.hour}`
    : `${Math.round(minutes / (24 * 60))} ${names.day}`
}

function failures(page: FleetPage, { failed, fellBack, app, version }: ReleaseProgress): Html {
  const { text } = page
  const rows = [
    ...Object.entries(failed).map(
      ([error, n]) => [detailText(error, page), n, { state: 'failed', detail: error }] as const,
    ),
    ...(fellBack > 0 ? [[text.states['fell-back'], fellBack, { state: 'fell-back' }] as const] : []),
  ]
  const items = rows.map(
    ([name, n, query]) =>
      part`<tr><td><a href="${toMachines(page, { app, target: version, ...query })}">${name}</a></td><td class="n">${count(n)}</td></tr>\n`,
  )
  const heading = part`<h2>${text.channel.failures}</h2>`
  if (rows.length === 0) return part`${heading}<p>${text.channel.noFailures}</p>`
  return part`${heading}<table><thead><tr><th scope="col">${text.channel.error}</th><th scope="col" class="n">${text.channel.machines}</th></tr></thead>
<tbody>${fitting(items, 20, 8_000)}</tbody></table>`
}
