/** What each page of the fleet gets, and its frame. */
import type { DatabaseSync } from 'node:sqlite'
import type { State } from '../fleet/machine.ts'
import type { FleetReader } from '../fleet/reader.ts'
import type { Instant } from '../kernel/clock.ts'
import { type AnswerPrivate, answerPrivate, given, toolBar } from '../private-pages/page.ts'
import { type Html, part } from '../site/pages/fragments.ts'
import type { PageContext } from '../site/pages/page.ts'
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

export const answerFleetPage: AnswerPrivate = (page, frame, content) =>
  answerPrivate(page, { section: 'fleet', sheet: stylePath, footer: wordsFor(page).footer, ...frame }, content)

/** Stands for an empty name in addresses, where an empty parameter is any. */
export const noName = '(none)'

/** A link to the machines that have all of this, also where a name is empty. */
export const toMachines = ({ link }: FleetPage, query: Readonly<Record<string, string>>): string =>
  link('/machines', Object.fromEntries(Object.entries(query).map(([name, value]) => [name, value || noName])))

export const tools = ({ page, text, link }: FleetPage): Html =>
  toolBar(page, 'fleet', { asOf: text.asOf, out: text.login.out }, [
    [link(''), text.channel.all],
    [link('/machines'), text.list.title],
  ])

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
