/** `/fleet/release`: how far machines came with a release, against what its ramp plans. */
import { type Curves, curveSteps, firstOffer, readCurves } from '../fleet/curves.ts'
import type { ReleaseProgress } from '../fleet/reader.ts'
import { isoText, percent, timeText } from '../kernel/format.ts'
import { shareAt } from '../release/ramp.ts'
import type { Candidate } from '../release/view.ts'
import { definitions, type Html, none, part } from '../site/pages/fragments.ts'
import { readChannelStatus } from '../site/status.ts'
import { type ChannelMachines, dayMs, hourMs, readChannels } from './channels.ts'
import { shareLines } from './charts.ts'
import { count, detailText, type FleetPage, given, tools, type View } from './page.ts'

const places = 97
/** Channels of an app that are read for one page. */
const maxChannels = 12

interface Offering extends ChannelMachines {
  readonly candidate: Candidate
  readonly from: number
}

export async function viewRelease(page: FleetPage): Promise<View> {
  const { read, text, fleet, now } = page
  const [app, version] = [read('app'), read('version')]
  const title = given(version) || text.title
  const [progress] = version === '' ? [] : fleet.release(version, app)
  const channels = await readOfferings(page, app, version)
  if (progress === undefined && channels.length === 0) {
    const content = () => part`<h1>${title}</h1>\n${tools(page)}<p class="note">${text.release.none}</p>`
    return { title, data: { release: null }, status: 404, content }
  }
  const time = timeOf(page, { app, version }, channels)
  const curves = readCurves(page.database, { app, version }, time)
  const planned = plannedAt(channels, time)
  const machines = channels.reduce((sum, one) => sum + one.machines, 0) || (progress?.offered ?? 0)
  const at = Array.from({ length: places }, (_, i) => time.from + i * time.stepMs)
  const past = at.filter((instant) => instant <= now).length
  return {
    title,
    data: {
      release: progress ?? null,
      machines,
      channels: channels.map(({ app, channel, machines }) => ({ app, channel, machines })),
      curves: { at: at.map(isoText), planned: planned ?? null, ...cut(curves, past) },
    },
    content: () => part`<h1>${title}</h1>
${tools(page)}${progress ? numbers(page, progress) : part`<p class="note">${text.release.none}</p>`}
<section class="sheet" aria-label="${text.release.chart(title)}">${chart(page, title, { planned, curves: cut(curves, past), machines, time })}
<p class="small soft">${planned === undefined ? `${text.release.noRamp} ` : ''}${text.release.note}</p></section>
${channels.length === 0 ? none : part`<h2>${text.release.channels}</h2>${channelList(page, channels, version)}`}
${progress ? failures(page, progress) : none}`,
  }
}

const cut = (curves: Curves, length: number): Curves => ({
  offered: curves.offered.slice(0, length),
  installed: curves.installed.slice(0, length),
  done: curves.done.slice(0, length),
})

/** The channels with machines that have this release. */
async function readOfferings({ page, fleet }: FleetPage, app: string, version: string): Promise<readonly Offering[]> {
  const here = readChannels(fleet).filter((one) => one.app === app)
  const found = await Promise.all(
    here.slice(0, maxChannels).map(async (one) => {
      const status = await readChannelStatus(page, { app, channel: one.channel }, false)
      const listed =
        'problem' in status ? undefined : status.releases.find(({ release }) => release.version === version)
      const candidate = listed?.boards[0]?.candidate
      return listed && candidate ? [{ ...one, candidate, from: listed.offeredFrom }] : []
    }),
  )
  return found.flat()
}

interface Time {
  readonly from: number
  readonly stepMs: number
  readonly count: number
}

/** From the begin of its ramp to its end, or as long again where that is over. */
function timeOf(
  { now, database }: FleetPage,
  release: { app: string; version: string },
  channels: readonly Offering[],
): Time {
  const points = channels.flatMap(({ candidate }) => candidate.ramps.flatMap((ramp) => ramp.points.map(({ at }) => at)))
  const offered = firstOffer(database, release)
  const starts = channels.map(({ from }) => from)
  const from = Math.min(
    ...(offered === undefined ? [] : [offered]),
    ...(starts.length > 0 ? starts : [now - dayMs]),
    ...points,
    now,
  )
  const end = Math.max(from + hourMs, ...points)
  const to = now < end ? end : Math.min(now, end + Math.max(7 * dayMs, end - from))
  return { from, stepMs: Math.max(1, Math.ceil((to - from) / (places - 1))), count: places }
}

/** The share of machines that ramps admit. @returns `undefined` where there is no ramp. */
function plannedAt(
  channels: readonly Offering[],
  { from, stepMs, count: length }: Time,
): readonly number[] | undefined {
  if (channels.every(({ candidate }) => candidate.ramps.length === 0)) return undefined
  const all = channels.reduce((sum, { machines }) => sum + machines, 0)
  return Array.from({ length }, (_, i) => {
    const at = from + i * stepMs
    const admitted = channels.map((one) =>
      at < one.from ? 0 : one.machines * Math.min(1, ...one.candidate.ramps.map((ramp) => shareAt(ramp, at))),
    )
    return admitted.reduce((sum, n) => sum + n, 0) / Math.max(1, all)
  })
}

interface Drawn {
  readonly planned: readonly number[] | undefined
  readonly curves: Curves
  readonly machines: number
  readonly time: Time
}

function chart({ text, now }: FleetPage, version: string, { planned, curves, machines, time }: Drawn): Html {
  const to = time.from + (places - 1) * time.stepMs
  const share = (n: number): number => n / Math.max(1, machines)
  const series = [
    ...(planned ? [{ name: text.release.planned, className: 'p', values: planned }] : []),
    ...curveSteps.map((step) => ({
      name: text.release[step],
      className: step.charAt(0),
      values: curves[step].map(share),
    })),
  ]
  const nowAt = (now - time.from) / (to - time.from)
  const drawn = shareLines(series, places, {
    ...{
      label: text.release.chart(version),
      top: '100 %',
      ends: [timeText(time.from, 'minute'), timeText(to, 'minute')],
    },
    ...(nowAt < 1 && { now: nowAt }),
  })
  const plannedNow = planned?.[Math.min(places - 1, Math.floor(nowAt * (places - 1)))] ?? 0
  const legend = series.map(({ name, className, values }) => {
    const last = className === 'p' ? plannedNow : (values.at(-1) ?? 0)
    return part`<li><span class="dot ${className}"></span>${name} <b>${percent(last)}</b></li>\n`
  })
  return part`${drawn}<ul class="legend">${legend}</ul>`
}

function numbers({ text, page: { words } }: FleetPage, progress: ReleaseProgress): Html {
  const { release } = text
  const failed = Object.values(progress.failed).reduce((sum, n) => sum + n, 0)
  const { success, medianMs } = progress
  const steps = ['offered', 'begun', 'installed', 'done'] as const
  return definitions([
    ...steps.map((step) => [release[step], count(progress[step])] as const),
    [release.failed, count(failed)],
    [release.fellBack, count(progress.fellBack)],
    [
      release.success,
      success &&
        part`<b>${percent(success.share)}</b>${words.comma}${release.interval(percent(success.low), percent(success.high))}`,
    ],
    [release.median, medianMs === undefined ? undefined : lengthOf(medianMs, release.lengths)],
  ])
}

/** e.g. `35 minutes`. */
function lengthOf(ms: number, names: Readonly<Record<'day' | 'hour' | 'minute', string>>): string {
  const minutes = Math.max(1, Math.round(ms / 60_000))
  if (minutes < 120) return `${minutes} ${names.minute}`
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} ${names.hour}` : `${Math.round(minutes / 1440)} ${names.day}`
}

function channelList({ link, text }: FleetPage, channels: readonly Offering[], version: string): Html {
  const items = channels.map(({ app, channel, machines, versions }) => {
    const runs = versions.find(([name]) => name === version)?.[1] ?? 0
    return part`<li><a href="${link('/channel', { app, channel })}">${given(channel)}</a> ${text.machines(count(machines))} · <a href="${link('/machines', { app, channel, version })}">${text.release.runs}</a> <b>${count(runs)}</b></li>\n`
  })
  return part`<ul class="plain sheet">${items}</ul>`
}

function failures(page: FleetPage, { failed, fellBack, app }: ReleaseProgress): Html {
  const { text, link } = page
  const rows = Object.entries(failed).slice(0, 20)
  if (rows.length === 0 && fellBack === 0)
    return part`<h2>${text.channel.failures}</h2><p>${text.channel.noFailures}</p>`
  const all = [
    ...rows.map(([error, n]) => [detailText(error, page), n, 'failed'] as const),
    ...(fellBack > 0 ? [[text.states['fell-back'], fellBack, 'fell-back'] as const] : []),
  ]
  return part`<h2>${text.channel.failures}</h2><table><thead><tr><th scope="col">${text.channel.error}</th><th scope="col" class="n">${text.channel.machines}</th></tr></thead>
<tbody>${all.map(([name, n, state]) => part`<tr><td><a href="${link('/machines', { app, state })}">${name}</a></td><td class="n">${count(n)}</td></tr>\n`)}</tbody></table>`
}
