/** Every sentence of a card is true of what `decide` answers to machines, whatever the channel is like. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Check } from '../../src/release/decide.ts'
import { decide } from '../../src/release/decide.ts'
import { bucketOf } from '../../src/release/ramp.ts'
import { readChannelState } from '../../src/release/rollout-status.ts'
import { compareVersions, parseVersion } from '../../src/release/version.ts'
import { type ChannelView, restrict } from '../../src/release/view.ts'
import { boards, type ShownChannel } from '../../src/site/pages/board.ts'
import { english } from '../../src/site/pages/words-en.ts'
import { noon, queue } from '../core/releases.ts'
import { instant, overlay, rarely, view, type World, world } from '../core/worlds.ts'

const order = (a: string, b: string): number => compareVersions(parseVersion(a), parseVersion(b))
const board = 'amd64-usr'

/** The lines of a card as text, instants as `<…>`. */
function linesOf(one: World, signed: ChannelView, now: number): readonly string[] {
  const { own, source } = one
  const channel = {
    ...readChannelState(signed, now),
    ...{ view: signed, detailed: (release: unknown) => release, manifest: own, source: source && { manifest: source } },
  } as unknown as ShownChannel
  const html = boards(channel, { now, words: english }, 4).join('')
  return html
    .replace(/<time datetime="([^"]+)">[^<]*<\/time>(?: <span class="ago">[^<]*<\/span>)?/g, '«$1»')
    .replace(/<svg.*?<\/svg>/gs, '')
    .split(/<\/?(?:p|h4|br|div)\b[^>]*>/)
    .map((line) =>
      line
        .replace(/<[^>]+>/g, '')
        .replace(/&#39;/g, "'")
        .replace(/&gt;/g, '>')
        .replace(/&lt;/g, '<')
        .trim(),
    )
    .filter((line) => line !== '')
}

interface Card {
  isNothing: boolean
  hasExceptions: boolean
  chip: string
  lead: string | undefined
  rest: string | undefined
  /** Whether there is a rollout, and what its sentence says. */
  rollout: { readonly share: number; readonly isOffered: boolean; readonly by: number | undefined } | undefined
  since: string
  floors: readonly string[]
  barriers: { readonly from: string; readonly floor: string; readonly rest: string | undefined }[]
  notices: { readonly state: string; readonly version: string; readonly at: number | undefined }[]
  sentBack: { readonly from: readonly string[]; readonly to: string; readonly or: string | undefined }[]
  deadEnds: readonly string[]
  windows: { readonly version: string | undefined; readonly state: string; readonly at: number }[]
}

const time = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text))
const V = '(\\d+)'
const T = '«([^»]+)»'

/** Reads a card. Each line must be one that is known here, so that none is left unproved. */
function readCard([heading = '', ...lines]: readonly string[]): Card {
  const card: Card = {
    ...{ isNothing: false, hasExceptions: false },
    ...{ chip: heading.replace(board, '').trim(), lead: undefined, rest: undefined, rollout: undefined, since: '' },
    ...{ floors: [], barriers: [], notices: [], sentBack: [], deadEnds: [], windows: [] },
  }
  const versions: string[] = []
  const kinds: readonly (readonly [RegExp, (...found: string[]) => void])[] = [
    [new RegExp(`^${V}$`), (version = '') => versions.push(version)],
    [/^(?:Everybody else, )?published «[^»]+»$/, () => {}],
    [/^nothing is offered$|^Everybody else gets no update\.$/, () => (card.isNothing = true)],
    [/^For: /, () => {}],
    [/^Machines on some other versions get something else: /, () => (card.hasExceptions = true)],
    [
      new RegExp(
        `^(Offered to|The rollout is at) ([\\d.]+) %(?: of machines)?(?:, everybody (?:by|in the windows after) ${T})?(?:, stopped ${T})?\\.$`,
      ),
      (how, share, by) => {
        card.rollout = { share: Number(share) / 100, isOffered: how === 'Offered to', by: time(by) }
      },
    ],
    [new RegExp(`^This is for machines on ${V} or newer\\.$`), (since = '') => (card.since = since)],
    [/^Older machines install (.+) first\.$/, (list = '') => (card.floors = list.split(', '))],
    [
      new RegExp(
        `^[a-z ]+ Machines (?:on ${V} or newer, but )?below ${V} must install it first; without it they get (?:no update|${V})\\.(?: .*)?$`,
      ),
      (from = '', floor = '', rest) => card.barriers.push({ from, floor, rest }),
    ],
    [
      new RegExp(
        `^(held|withdrawn|dead end|later|for some machines|rollout|not mirrored) ${V}(?:, not before ${T})?(?: .*)?$`,
      ),
      (state = '', version = '', at) => card.notices.push({ state, version, at: time(at) }),
    ],
    [
      new RegExp(`^rollback Machines on ([\\d, ]+) (?:get ${V}, or )?go back to ${V}\\.$`),
      (from = '', or, to = '') => card.sentBack.push({ from: from.split(', '), to, or }),
    ],
    [/^dead end Machines on ([\d, ]+) get no update\.$/, (list = '') => (card.deadEnds = list.split(', '))],
    [
      new RegExp(`^(?:${V}: )?The window is (open until|opening until|closed until) ${T}\\.$`),
      (version, state = '', at) => card.windows.push({ version, state, at: time(at) ?? 0 }),
    ],
  ]
  for (const line of lines) {
    const found = kinds.flatMap(([form, read]) =>
      form.exec(line) ? [{ read, groups: form.exec(line)?.slice(1) }] : [],
    )
    expect([line, found.length]).toEqual([line, 1])
    found[0]?.read(...((found[0].groups ?? []) as string[]))
  }
  const [lead, rest] = versions
  return { ...card, lead, rest: card.rollout ? rest : lead }
}

const oems = ['', 'azure', 'pxe']
const ids = Array.from({ length: 18 }, (_, i) => `${i}`.padStart(32, '5ee0'))
const running = ['developer', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

/** What a machine is offered, now or when its window opens. */
function offerTo(check: Check, view: ChannelView, now: number) {
  const decision = decide(check, view, now)
  const offer =
    decision.kind === 'update' ? decision.offer : decision.reason === 'outside-window' ? decision.candidate : undefined
  return { version: offer?.release.version, isNow: decision.kind === 'update' }
}

const seeds = process.env.PLATTE_TEST_ROUNDS === 'all' ? Array.from({ length: 100 }, (_, i) => i) : [7, 20, 42]
test.each(seeds)('what a card says is what machines are offered: %s', (seed) => {
  const seen: Record<string, number> = {}
  const cards: Card[] = []
  fc.assert(
    fc.property(world, rarely(overlay), instant, (one, restrictions, ms) => {
      const now = noon + ms
      const signed = restrict(view(one), restrictions, one.source && { ...one.source, channel: 'source' })
      if (!signed.boards.has(board)) return
      const card = readCard(linesOf(one, signed, now))
      cards.push(card)
      prove(card, signed, now, (what) => {
        seen[what] = (seen[what] ?? 0) + 1
      })
    }),
    // Shrinking takes minutes.
    { numRuns: 400, seed, endOnFailure: true },
  )
  // Strange channels are most of them here.
  expect(cards.filter(({ hasExceptions }) => hasExceptions).length / cards.length).toBeLessThan(0.35)
  // Every kind of sentence was proved.
  expect(Object.keys(seen).length).toBeGreaterThan(15)
})

function prove(card: Card, signed: ChannelView, now: number, see: (what: string) => void): void {
  const { candidates = [], deadEnds = [] } = signed.boards.get(board) ?? {}
  const candidateOf = (version: string | undefined) => candidates.find(({ release }) => release.version === version)
  const admits = (version: string | undefined, { version: running, ...check }: Check): boolean =>
    (candidateOf(version)?.targets ?? []).every(
      (one) => one({ oem: '', machineId: '', ...check, running: parseVersion(running) }) === undefined,
    )
  for (const version of running)
    for (const machineId of ids) {
      const check: Check = { version, board, machineId, oem: oems[Number(machineId.at(-1)) % 3] ?? '' }
      const { version: got, isNow } = offerTo(check, signed, now)
      const claim = (what: string, isTrue: boolean) => {
        see(what)
        if (!isTrue) throw new Error(`${what}: ${version} gets ${got}; the card: ${JSON.stringify(card)}`)
      }
      const below = (other: string | undefined) => other !== undefined && order(version, other) < 0
      for (const { state, version: other, at } of card.notices) {
        claim(state, got !== other || (state === 'for some machines' && admits(other, check)))
        if (at !== undefined) claim('not before', offerTo(check, signed, at - 1).version !== other)
      }
      // What waits for others names them.
      if (card.notices.some((it) => /later|rollout/.test(it.state) && !admits(it.version, check))) continue
      // Of a release that is for some machines, a card says no more.
      if (card.notices.some((it) => it.state === 'for some machines' && admits(it.version, check))) continue
      if (deadEnds.some((end) => order(end.release.version, version) === 0)) {
        claim('dead end', got === undefined)
        continue
      }
      const back = card.sentBack.find(({ from }) => from.some((it) => order(it, version) === 0))
      if (back && [back.to, back.or].every((one) => admits(one, check)))
        claim('sent back', [back.to, back.or].includes(got))
      if (signed.rollbackFrom.some(({ text }) => order(text, version) === 0)) continue
      if (card.hasExceptions) continue
      if (below(card.since)) {
        const barrier = card.barriers.findLast(({ from, floor }) => !below(from) && below(floor))
        const rest = below(barrier?.rest) ? barrier?.rest : undefined
        const isOnTheWay = candidateOf(got)?.floor !== undefined && order(got ?? '', rest ?? '') < 0
        if (barrier && [card.lead, rest, barrier.floor].every((one) => admits(one, check)))
          claim('barrier', got === barrier.floor || got === rest || isOnTheWay)
        continue
      }
      if (card.lead === undefined) {
        if (card.isNothing) claim('nothing', got === undefined)
        continue
      }
      const { ramp: place } = bucketOf(queue, card.lead, machineId)
      const isLucky = card.rollout && place < card.rollout.share
      // Shares are rounded down.
      if (card.rollout && !isLucky && place < card.rollout.share + 0.001) continue
      const goal = card.rollout && !isLucky ? card.rest : card.lead
      const floor = card.floors.find((one) => below(one))
      if (![card.lead, goal, floor].every((one) => admits(one, check))) continue
      const isOnTheWay = goal !== undefined && floor !== undefined && order(floor, goal) < 0
      const want = below(goal) ? (isOnTheWay ? floor : goal) : undefined
      // While the window of a floor is closed, machines below it get what is older.
      const isIt = (one: string | undefined, wanted: string | undefined): boolean =>
        one === wanted ||
        (wanted === floor && candidateOf(floor)?.schedule !== undefined && order(one ?? '', floor ?? '') < 0)
      claim(card.rollout ? (isLucky ? 'rollout' : 'rest') : 'everybody', isIt(got, want))
      // By then, the rollout of a newer release may have begun.
      const isItOrNewer = (one: string | undefined): boolean =>
        isIt(one, floor ?? card.lead) || order(one ?? '', card.lead ?? '') > 0
      if (card.rollout?.by !== undefined && below(card.lead))
        claim('by', isItOrNewer(offerTo(check, signed, card.rollout.by).version))
      if (got === undefined || ![card.lead, card.rest].includes(got)) continue
      if (got === card.lead && (card.rollout?.isOffered || card.chip === 'everybody')) claim('offered now', isNow)
      for (const { version: of, state, at } of card.windows) {
        if (of !== undefined && of !== got) continue
        if (state === 'open until') claim('open', isNow)
        else if (state === 'closed until') claim('closed', !isNow)
        else claim('opening', offerTo(check, signed, at).isNow)
      }
    }
}
