/** What each page of the fleet gets, and its frame. */
import type { DatabaseSync } from 'node:sqlite'
import type { State } from '../fleet/machine.ts'
import type { FleetReader } from '../fleet/reader.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText, visible } from '../kernel/format.ts'
import { atMost, filled, type Html, none, part, time } from '../site/pages/fragments.ts'
import { answerPage, type PageContext } from '../site/pages/page.ts'
import { stylePath } from './style.ts'
import { english, type FleetWords } from './words-en.ts'
import { chinese } from './words-zh.ts'

export interface FleetPage {
  readonly page: PageContext
  readonly text: FleetWords
  readonly now: Instant
  readonly fleet: FleetReader
  readonly database: DatabaseSync
  /** An id of a machine as the projection has it. */
  readonly idOf: (id: string) => string
  /** Whether ids are keyed hashes. */
  readonly isHashed: boolean
  /** A parameter of the address, cut short; empty where it is not there. */
  readonly read: (name: string) => string
  /** A link below `/fleet`; leaves out parameters that are empty. */
  readonly link: (path: string, query?: Readonly<Record<string, string | undefined>>) => string
}

/** What a page shows, as data for scripts and as HTML. */
export interface View {
  readonly data: object
  readonly title: string
  readonly content: () => Html
  readonly status?: 200 | 400 | 404
}

/** Longer than any text of a machine. */
const maxLength = 128

export const wordsFor = ({ words }: PageContext): FleetWords => (words.tag === 'zh' ? chinese : english)

export const fleetPage = (
  page: PageContext,
  more: Pick<FleetPage, 'fleet' | 'database' | 'idOf' | 'isHashed'>,
): FleetPage => ({
  ...{ page, text: wordsFor(page), now: page.now },
  ...more,
  read: (name) => (page.c.req.query(name) ?? '').slice(0, maxLength),
  link: (path, query = {}) =>
    page.link(
      `/fleet${path}`,
      Object.fromEntries(Object.entries(query).filter((one): one is [string, string] => Boolean(one[1]))),
    ),
})

/** Nobody else may see it, and nothing keeps it. */
const secret = { 'cache-control': 'no-store', vary: 'accept, accept-language, cookie' }

interface Frame {
  readonly title: string
  readonly status?: 200 | 400 | 401 | 404 | 429
  readonly headers?: Readonly<Record<string, string>>
}

export function answerFleetPage(page: PageContext, { headers, ...frame }: Frame, content: Html): Response {
  const footer = part`<p>${wordsFor(page).footer}</p>`
  const head = { section: 'fleet', sheet: stylePath, footer, headers: { ...secret, ...headers }, ...frame } as const
  return answerPage(page, head, content)
}

export const answerData = (data: object, status: number, now: Instant): Response =>
  Response.json({ at: isoText(now), ...data }, { status, headers: secret })

const numbers = new Intl.NumberFormat('en')
/** e.g. `12,345`. */
export const count = (n: number): string => numbers.format(n)

/** A text of a machine, as a client sent it. */
export const given = (text: string): string => visible(text)

/** Stands for an empty name in addresses, where an empty parameter is any. */
export const noName = '(none)'

/** A link to the machines that have all of this, also where a name is empty. */
export const toMachines = ({ link }: FleetPage, query: Readonly<Record<string, string>>): string =>
  link('/machines', Object.fromEntries(Object.entries(query).map(([name, value]) => [name, value || noName])))

/** How many of the first items fit: what machines send may be long, and pages are small. */
export function howManyFit(items: readonly Html[], bytes: number): number {
  let left = bytes
  const tooMany = items.findIndex((one) => {
    left -= Buffer.byteLength(one.toString())
    return left < 0
  })
  return tooMany < 0 ? items.length : tooMany
}

/** The first items of a list, within a number of items and of bytes. @param rest makes the item that says how many are left out. */
export function fitting(
  items: readonly Html[],
  most: number,
  bytes: number,
  rest: (count: number) => Html = () => none,
) {
  return atMost(items, Math.min(most, howManyFit(items, bytes)), rest)
}

/** Links to the other pages, and the end of the session. */
export function tools({ page, text, link, now }: FleetPage): Html {
  const links = [
    [link(''), text.channel.all],
    [link('/machines'), text.list.title],
  ] as const
  return part`<div class="tools">${links.map(([to, name]) => part`<a href="${to}">${name}</a>\n`)}<span class="soft small">${filled(text.asOf, time(now, page))}</span>
<form method="post" action="${page.link('/fleet/logout')}"><button class="quiet" type="submit">${text.login.out}</button></form></div>\n`
}

const kinds: Readonly<Record<State, 'good' | 'way' | 'wait' | 'bad' | 'none'>> = {
  ...{ seen: 'none', 'up-to-date': 'good', offered: 'way', waiting: 'wait', downloading: 'way', downloaded: 'way' },
  ...{ installed: 'way', rebooted: 'good', failed: 'bad', 'fell-back': 'bad' },
}

/** The class of a state's colour. */
export const colourOf = (state: State): string => `s-${kinds[state]}`

export function chip(state: State, text: FleetWords): Html {
  return part`<span class="state ${kinds[state]}">${text.states[state]}</span>`
}

/** What a state is about, such as the reason of waiting. */
export function detailText(detail: string, { page: { words } }: FleetPage): string {
  const labels: Readonly<Record<string, string>> = words.states
  return Object.hasOwn(labels, detail) ? (labels[detail] ?? detail) : given(detail)
}
