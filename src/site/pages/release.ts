/** One release on the page of its channel. */
import { raw } from 'hono/html'
import { notesKey, packageFolder, urlPathOf } from '../../documents/paths.ts'
import { forPeople, timeText } from '../../kernel/format.ts'
import type { Release } from '../../release/channel.ts'
import { rampText, targetText, windowsText } from '../../release/diff.ts'
import type { ListedRelease } from '../../release/rollout-status.ts'
import type { ChannelStatus, PathStep } from '../status.ts'
import { reasonLink, stateLabel } from './board.ts'
import { atMost, bytes, definitions, filled, type Html, inEnglish, none, part, time } from './fragments.ts'
import type { Notes } from './notes.ts'
import type { PageContext } from './page-context.ts'

/** More of each are in the JSON. */
const most = { components: 40, cves: 60, packages: 16, path: 12 } as const

export interface Shown {
  readonly channel: ChannelStatus
  readonly listed: ListedRelease
  readonly before: Release | undefined
  readonly path: readonly PathStep[]
  /** `undefined`: it has none. */
  readonly notes: Notes | 'missing' | undefined
  readonly isNewest: boolean
}

/** A release, under its version as an anchor. */
export function releasePart(page: PageContext, shown: Shown): Html {
  const { listed, channel } = shown
  const { release } = listed
  const { words, status } = page
  const at = time(listed.offeredFrom, status.now, words)
  return part`<article class="sheet release" id="${release.version}"><header><h3><a href="#${release.version}">${release.version}</a></h3>
${states(shown, page)}<span class="small soft">${listed.offeredFrom > status.now ? filled(words.board.waits, at) : part`${words.channel.published} ${at}`}</span></header>
${restrictions(channel, release, page)}${path(shown, page)}${components(shown, page)}${cves(release, page)}${conditions(release, page)}${packages(shown, page)}${notes(shown, page)}</article>\n`
}

/** Its state on each board, except where it is held or withdrawn: that is a note below. */
function states({ listed: { boards } }: Shown, { words }: PageContext): Html {
  const shown = boards.filter(({ state }) => ['offered', 'floor', 'later', 'target', 'not-in-ramp'].includes(state))
  const groups = [...Map.groupBy(shown, (one) => stateLabel(one, words))]
  return part`${groups.map(
    ([label, same]) =>
      part`<span class="state ${same[0]?.state === 'offered' ? 'good' : 'wait'}">${label}${words.colon}${same.map(({ board }) => board).join(', ')}</span>\n`,
  )}`
}

function restrictions({ entry, source }: ChannelStatus, release: Release, { words: { channel } }: PageContext): Html {
  const holds = [entry, source?.entry]
    .flatMap((one) => one?.holds ?? [])
    .filter(({ version }) => version === release.version)
  const shown = [
    ...holds.map(({ board, reason }) => [board ? `${channel.held} (${board})` : channel.held, reason] as const),
    ...(release.withdrawn ? [[channel.withdrawn, release.withdrawn.reason] as const] : []),
    ...(release.deadEnd ? [[channel.deadEnd, release.deadEnd.reason] as const] : []),
    ...(release.floor ? [[channel.floor, release.floor.reason] as const] : []),
  ]
  return part`${shown.map(([what, reason]) => part`<p class="note small"><b>${what}</b> ${reasonLink(reason)}</p>\n`)}`
}

function path({ path }: Shown, { words }: PageContext): Html {
  if (path.length < 2) return none
  const steps = path
    .slice(0, most.path)
    .map(({ channel, at }) => part`<li>${channel} <span class="soft">${timeText(at).slice(0, 10)}</span></li>\n`)
  return part`<ol class="path" aria-label="${words.channel.path}">${steps}</ol>\n`
}

function components({ listed: { release }, before }: Shown, { words: { channel } }: PageContext): Html {
  const now = Object.entries(release.components ?? {})
  if (now.length === 0) return none
  const then = before?.components ?? {}
  const gone = Object.keys(then).filter((name) => !Object.hasOwn(release.components ?? {}, name))
  const list = now.map(([name, version]) => {
    const was = Object.hasOwn(then, name) ? then[name] : undefined
    const change = before === undefined || was === version ? none : was === undefined ? channel.isNew : channel.was(was)
    return part`<div><dt>${name}</dt><dd>${change === none ? version : part`<b>${version}</b> <span class="soft">${change}</span>`}</dd></div>\n`
  })
  const rest = (count: number) => part`<div><dt>${channel.more(count)}</dt><dd></dd></div>`
  return part`<h4>${channel.components}</h4><dl class="parts">${atMost(list, most.components, rest)}</dl>
${gone.length === 0 ? none : part`<p class="small soft">${channel.gone(gone.slice(0, most.components).join(', '))}</p>\n`}`
}

function cves({ cves = [] }: Release, { words: { channel } }: PageContext): Html {
  if (cves.length === 0) return none
  const shown = cves.slice(0, most.cves).join(', ')
  const rest = cves.length > most.cves ? ` ${channel.more(cves.length - most.cves)}` : ''
  return part`<h4>${channel.cves} (${cves.length})</h4><p class="small">${shown}${rest}</p>\n`
}

function conditions({ ramp, windows, target }: Release, { words: { channel } }: PageContext): Html {
  if (!ramp && !windows && !target) return none
  return definitions([
    [channel.rampOf, ramp && inEnglish(forPeople(rampText(ramp.slice(0, 12))))],
    [channel.windows, windows && inEnglish(windowsText(windows))],
    [channel.target, target && inEnglish(targetText(target))],
  ])
}

function packages(
  { listed: { release }, channel: { app } }: Shown,
  { words: { channel }, fileLink }: PageContext,
): Html {
  const rows = Object.entries(release.boards).flatMap(([board, of]) => {
    const folder = packageFolder({ app, version: release.version, board }, of.packages)
    return of.packages.map((one) => {
      const url = (of.codebases[0] ?? fileLink(`/${folder}`)) + urlPathOf(one.name)
      return part`<tr><td>${board}</td><td><a href="${url}">${one.name}</a><br><code class="hash">${one.sha256}</code></td><td class="n">${bytes(one.size)}</td></tr>\n`
    })
  })
  const rest = (count: number) => part`<tr><td colspan="3">${channel.more(count)}</td></tr>`
  return part`<details><summary>${channel.packages} (${rows.length})</summary><section class="scroll" tabindex="0" aria-label="${channel.packages} ${release.version}"><table><thead><tr><th scope="col">${channel.board}</th><th scope="col">${channel.file}, SHA-256</th><th scope="col" class="n">${channel.size}</th></tr></thead><tbody>
${atMost(rows, most.packages, rest)}</tbody></table></section></details>\n`
}

function notes({ listed: { release }, notes, isNewest }: Shown, { words: { channel }, fileLink }: PageContext): Html {
  if (release.notes === undefined) return none
  const whole = part`<p class="small"><a href="${fileLink(`/${notesKey(release.notes.sha256)}`)}">${channel.notesWhole}</a> (${bytes(release.notes.size)})</p>`
  if (notes === 'missing') return part`<p class="note small">${channel.notesGone}</p>\n`
  if (notes === undefined) return whole
  const cut = notes.isCut ? part`<p class="note small">${channel.notesCut}</p>` : none
  return part`<details${isNewest ? part` open` : none}><summary>${channel.notes}</summary><div class="notes">${raw(notes.html)}</div>${cut}${whole}</details>\n`
}
