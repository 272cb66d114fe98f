/** What machines of each board get: what is being rolled out, what everybody else gets, and what is withheld. */
import { percent } from '../../kernel/format.ts'
import { targetText } from '../../release/diff.ts'
import { readHeadline } from '../../release/headline.ts'
import type { Headline } from '../../release/headline-facts.ts'
import { offeredFrom, type ReleaseStatus, type RolloutStatus } from '../../release/rollout-status.ts'
import type { Candidate } from '../../release/view.ts'
import { isOpen, nextEdge } from '../../release/window.ts'
import type { ChannelStatus } from '../status.ts'
import {
  age,
  filled,
  type Html,
  inEnglish,
  none,
  part,
  partsList,
  reasonLink,
  type Shown,
  soon,
  stateLabel,
  time,
} from './fragments.ts'

/** More are in the JSON, and on the page of the channel. */
const maxComponents = 8

export type ShownChannel = Pick<ChannelStatus, 'boards' | 'detailed' | 'manifest' | 'source' | 'view'>

/** Boards that are offered the same are shown once, under all of their names. @param level of their headings. */
export function boards(channel: ShownChannel, shown: Shown, level: 3 | 4): readonly Html[] {
  const all = channel.boards.map((status) => ({ name: status.board, ...board(status, channel, shown) }))
  const groups = Map.groupBy(all, ({ mark, content }) => `${mark}${content}`)
  return [...groups.values()].map((same) => {
    const heading = part`${same.map(({ name }) => name).join(', ')} ${same[0]?.mark}`
    return part`<div class="board"><h${level}>${heading}</h${level}>
${same[0]?.content}</div>\n`
  })
}

interface Board extends Shown, Pick<ShownChannel, 'manifest' | 'source'>, Headline {}

/** Reasons why nothing is offered, whatever the channel says. */
const isOfCatalog = (reason: string | undefined): boolean =>
  ['catalog-expired', 'store-unavailable', 'clock', 'unverifiable'].includes(reason ?? '')

function board(status: RolloutStatus, channel: ShownChannel, shown: Shown) {
  const { offered, newest, withheld } = status
  const { words } = shown
  if (withheld && isOfCatalog(withheld.reason)) {
    return {
      mark: chip('bad', words.states[withheld.reason]),
      content: part`<p class="version nothing">${words.board.none}</p>
<p class="small"><b>${newest.release.version}</b>${words.comma}${filled(words.board.published, age(offeredFrom(newest), shown))}</p>`,
    }
  }
  const { manifest, source, view } = channel
  const one: Board = { ...shown, manifest, source, ...readHeadline(status, view, shown.now) }
  const { components: versions } = channel.detailed((offered ?? newest).release)
  const others = one.rollout || one.rest || !isForSome(one) ? [] : [words.board.restNothing]
  const exceptions = one.hasExceptions ? [words.board.exceptions] : []
  const lines = [...windows(one), ...floors(one), ...notices(one), ...others, ...ends(one), ...exceptions]
  return {
    mark: mainChip(one),
    content: part`${releases(one)}${lines.map((line) => part`<p class="small">${line}</p>\n`)}${partsList(Object.entries(versions ?? {}), maxComponents, words)}`,
  }
}

/** Without a release for all, some machines may have one. */
const isForSome = ({ notices }: Headline): boolean => notices.some(({ state }) => state === 'target')

const chip = (kind: 'good' | 'wait' | 'bad', label: string): Html => part`<span class="state ${kind}">${label}</span>`

/** What a release is on each board; boards are named where they differ. */
export function marks(boards: readonly ReleaseStatus[], { now, words }: Shown): readonly Html[] {
  const all = boards.flatMap((status) => {
    const { board, state, candidate } = status
    if (state === 'superseded') return []
    const window = state === 'offered' ? windowOf(candidate, now) : undefined
    if (window && window.state !== 'open') return [{ board, mark: chip('wait', words.windows[window.state]) }]
    const kind = state === 'offered' ? 'good' : bad.includes(state) ? 'bad' : 'wait'
    return [{ board, mark: chip(kind, stateLabel(status, words)) }]
  })
  return [...Map.groupBy(all, ({ mark }) => `${mark}`).values()].map((same) => {
    const names = same.length === boards.length ? '' : `${same.map(({ board }) => board).join(', ')}`
    return part`${same[0]?.mark}${names === '' ? none : part` <span class="small soft">${names}</span>`}\n`
  })
}

/** Of the version that stands first. */
function mainChip(one: Board): Html {
  const { rollout, rest, since, barriers, words } = one
  const lead = rollout?.candidate ?? rest
  if (lead === undefined) return none
  if (rollout?.stoppedAt !== undefined)
    return chip('bad', stateLabel({ state: 'not-in-ramp', progress: rollout }, words))
  const window = windowOf(lead, one.now)
  if (window && window.state !== 'open') return chip('wait', words.windows[window.state])
  if (rollout) return chip('wait', stateLabel({ state: 'not-in-ramp', progress: rollout }, words))
  if (since || barriers.length > 0 || lead.targets.length > 0) return chip('wait', words.states.target)
  return chip('good', words.states['up-to-date'])
}

function releases(one: Board): Html {
  const { rollout, rest, words } = one
  const { board } = words
  const row = (of: Candidate, about: Html, kind = '') => part`<p class="version${kind}">${of.release.version}</p>
<p class="small">${about}${scope(of, one)}</p>\n`
  const published = rest && filled(board.published, age(offeredFrom(rest), one))
  if (rollout === undefined) {
    if (rest) return row(rest, part`${published}`)
    return isForSome(one) ? none : part`<p class="version nothing">${board.none}</p>\n`
  }
  const { candidate, share, stoppedAt } = rollout
  return part`${row(candidate, progress(one, rollout))}<svg class="ramp${stoppedAt === undefined ? '' : ' stopped'}" role="img" aria-label="${candidate.release.version}${words.colon}${percent(share)}" viewBox="0 0 100 1" preserveAspectRatio="none"><rect width="${Math.round(share * 10_000) / 100}" height="1"/></svg>
${rest ? row(rest, part`${board.rest}${words.comma}${published}`, ' rest') : part`<p class="small">${board.restNothing}</p>\n`}`
}

/** e.g. `Offered to 38 % of machines, everybody by Tuesday 14:00 UTC (in 15 hours).` */
function progress(one: Board, { candidate, share, to, stoppedAt }: NonNullable<Headline['rollout']>): Html {
  const { board } = one.words
  const window = windowOf(candidate, one.now)
  const isOffered = window === undefined || window.state === 'open'
  const end = part`${
    to === undefined ? none : filled(window ? board.byWindow : board.by, soon(to, one))
  }${stoppedAt === undefined ? none : filled(board.stopped, time(stoppedAt, one))}`
  return part`${(isOffered ? board.offeredTo : board.rolloutAt)(percent(share))}${end}${one.words.stop}`
}

/** Whom a release is for, where that is not everybody. */
function scope({ release }: Candidate, { manifest, source, words }: Board): Html {
  const isOfSource = source?.manifest.releases.includes(release)
  const targets = [release.target, isOfSource ? source?.manifest.target : undefined, manifest.target]
  const text = targets.flatMap((target) => (target ? [targetText(target)] : [])).join('; ')
  return text === '' ? none : part`<br>${words.channel.conditions.target}${words.colon}${inEnglish(text)}`
}

type WindowState = Readonly<{ state: 'open' | 'opening' | 'closed'; edge: number | undefined }>

/** Machines start one after the other: while a window is opening, it is open for some. */
function windowOf({ schedule }: Candidate, now: number): WindowState | undefined {
  if (schedule === undefined) return undefined
  const [first, last] = [isOpen(schedule, 0, now), isOpen(schedule, 1, now)]
  const state = last ? 'open' : first ? 'opening' : 'closed'
  return { state, edge: nextEdge(schedule, first ? 1 : 0, now) }
}

/** One line where all have the same window. */
function windows(one: Board): readonly Html[] {
  const { words } = one
  const shown = [one.rollout?.candidate, one.rest].flatMap((it) => (it ? [{ it, window: windowOf(it, one.now) }] : []))
  const groups = [...Map.groupBy(shown, ({ window }) => JSON.stringify(window))]
  return groups.flatMap(([, [first]]) => {
    if (first?.window === undefined) return []
    const { state, edge } = first.window
    const name = groups.length > 1 ? part`${first.it.release.version}${words.colon}` : none
    if (edge === undefined) return []
    return [part`${name}${filled(words.board.windows[state], soon(edge, one))}`]
  })
}

function floors({ since, floors, barriers, words }: Board): readonly Html[] {
  const { board, states, comma } = words
  return [
    ...(since ? [board.since(since.release.version)] : []),
    ...(floors.length > 0 ? [board.floors(floors.map(({ release }) => release.version).join(comma))] : []),
    ...barriers.map(({ from, floor, reason, because, rest }) => {
      const sentence = board.barrier(from?.release.version, floor.release.version, rest?.release.version)
      return part`${chip('wait', states[reason])} ${sentence}${because === undefined ? none : part` ${reason === 'target' ? inEnglish(because) : reasonLink(because)}`}`
    }),
  ].map((line) => part`${line}`)
}

const bad: readonly string[] = ['held', 'withdrawn', 'dead-end']

function notices(one: Board): readonly Html[] {
  const { words } = one
  return one.notices.map(({ candidate, state, because, at }) => {
    const why = because === undefined ? none : part` ${state === 'target' ? inEnglish(because) : reasonLink(because)}`
    const when = at === undefined ? none : part`${words.comma}${filled(words.board.notBefore, soon(at, one))}`
    return part`${chip(bad.includes(state) ? 'bad' : 'wait', words.states[state])} <b>${candidate.release.version}</b>${when}${why}${state === 'later' || state === 'not-in-ramp' ? scope(candidate, one) : none}`
  })
}

/** Versions that machines are sent back from, or that they cannot leave. */
function ends({ sentBack, deadEnds, words: { board, states, comma } }: Board): readonly Html[] {
  const groups = Map.groupBy(sentBack, ({ to, or }) => `${or?.release.version} ${to.release.version}`)
  const lines = [...groups.values()].flatMap((same) =>
    same[0]
      ? [
          board.sentBack(
            same.map(({ from }) => from).join(comma),
            same[0].to.release.version,
            same[0].or?.release.version,
          ),
        ]
      : [],
  )
  const stuck = deadEnds.map(({ release }) => release.version).join(comma)
  return [
    ...lines.map((line) => part`${chip('bad', board.rollback)} ${line}`),
    ...(stuck === '' ? [] : [part`${chip('bad', states['dead-end'])} ${board.deadEnds(stuck)}`]),
  ]
}
