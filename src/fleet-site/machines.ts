/** `/fleet/machines`: machines with search, filters, order and pages. */
import { type State, states } from '../fleet/machine.ts'
import type { MachineFilter, MachineRow } from '../fleet/reader.ts'
import { PlatteError } from '../kernel/errors.ts'
import { count, given, howManyFit } from '../private-pages/page.ts'
import { type Html, none, part, time } from '../site/pages/fragments.ts'
import { type ChannelMachines, dayMs, hourMs, readChannels, total } from './channels.ts'
import { machineData, stateText } from './machine.ts'
import { detailText, type FleetPage, noName, tools, type View } from './page.ts'
import { maxFound, searchMachines } from './search.ts'
import { english } from './words-en.ts'

/** Machines of a page; where they send long texts, fewer for people. */
const [most, few] = [50, 10]
const maxTableBytes = 40_000
/** Of each list of choices. */
const maxChoiceBytes = 4_000
export const silents = { '1h': hourMs, '24h': dayMs, '7d': 7 * dayMs, '30d': 30 * dayMs } as const
const sorts = {
  id: { sort: 'seen' },
  machine: { sort: 'machine' },
  since: { sort: 'since', isDescending: true },
  contact: { sort: 'last', isDescending: true },
  silent: { sort: 'last' },
} as const
export const sortNames = Object.keys(sorts) as readonly (keyof typeof sorts)[]
const sortOf = ({ sort }: Query) => knownOf('sort', sort, sortNames) ?? 'id'

/** Choices of a list, those with most machines. */
const maxChoices = 50

const fields = ['search', 'state', 'detail', 'target', 'channel', 'version', 'oem', 'silent', 'sort', 'app'] as const
const silentNames = Object.keys(silents) as readonly (keyof typeof silents)[]

/** @throws PlatteError('bad-request') for another value: a list without its filter would look like an answer. */
function knownOf<Name extends string>(name: string, value: string, known: readonly Name[]): Name | undefined {
  const found = known.find((one) => one === value)
  if (found !== undefined || value === '') return found
  throw new PlatteError('bad-request', `${name} is none of ${known.join(', ')}: ${given(value)}`)
}

/** What people type comes without blanks around it; names of machines may have them. */
const typed = (name: string, text: string): string => (['search', 'oem'].includes(name) ? text.trim() : text)
type Query = Readonly<Record<(typeof fields)[number], string>>

export function viewMachines(page: FleetPage): View {
  const { fleet, text, read } = page
  const query = Object.fromEntries(fields.map((name) => [name, typed(name, read(name))])) as Query
  const channels = readChannels(fleet)
  const head = part`<h1>${text.list.title}</h1>
${tools(page)}${form(page, query, channels)}`
  const ids = idsOf(page, query.search)
  if (ids === 'too-many') {
    const content = () => part`${head}<p class="note">${text.list.broad(count(maxFound))}</p>`
    return { title: text.list.title, data: { problem: english.list.broad(count(maxFound)) }, status: 400, content }
  }
  const filter = { ...filterOf(page, query), ids }
  const all = quickCount(channels, filter) ?? fleet.howMany(filter)
  const after = page.page.c.req.query('after') || undefined
  const pageOf = (limit: number) => fleet.page(filter, { limit, after, ...sorts[sortOf(query)] })
  const first = pageOf(most)
  // Only for people: a page begins where `after` says.
  const requested = Number(read('from') || 0)
  const from = Number.isSafeInteger(requested) && requested > 0 && requested < all ? requested : 0
  return {
    title: text.list.title,
    data: {
      ...{ count: all, next: first.next ?? null, previous: first.previous ?? null },
      machines: first.machines.map(machineData),
    },
    content: () => {
      const fit = howManyFit(rowsOf(page, first.machines), maxTableBytes)
      const limit = fit === first.machines.length ? most : Math.max(1, Math.min(fit, few))
      const { machines, next, previous } = limit === most ? first : pageOf(limit)
      return part`${head}
${all === 0 ? part`<p class="note">${text.list.none}</p>` : table(page, machines)}
${pager(page, query, { all, from, limit, shown: machines.length, next, previous })}`
    },
  }
}

function idsOf({ database, idOf, isHashed }: FleetPage, search: string): readonly number[] | 'too-many' | undefined {
  if (search === '') return undefined
  // Of a keyed hash, no part can be searched but of the hash itself.
  const text = isHashed && !/^[0-9a-f-]{1,31}$|^hmac/.test(search) ? idOf(search) : search
  return searchMachines(database, text) ?? 'too-many'
}

function filterOf({ now }: FleetPage, query: Query): MachineFilter {
  const { app, channel, version, detail, target, oem } = query
  const state = knownOf('state', query.state, states)
  const silent = knownOf('silent', query.silent, silentNames)
  const names = Object.entries({ app, channel, version, detail, target }).filter(([, value]) => value !== '')
  return {
    ...Object.fromEntries(names.map(([name, value]) => [name, value === noName ? '' : value])),
    ...(oem !== '' && { oem }),
    ...(state && { state }),
    ...(silent && { silentSince: now - silents[silent] }),
  }
}

/** Of what is counted already. @returns `undefined` where machines have to be read one by one. */
function quickCount(channels: readonly ChannelMachines[], filter: MachineFilter): number | undefined {
  const { oem, target, search: _, ids, silentSince, ...names } = filter
  if ([oem, target, ids, silentSince].some((one) => one !== undefined)) return undefined
  const wanted = Object.entries(names) as [keyof typeof names, string][]
  const tallies = channels.flatMap((one) => one.tallies)
  return total(tallies.filter((one) => wanted.every(([name, value]) => value === undefined || one[name] === value)))
}

function form(page: FleetPage, query: Query, channels: readonly ChannelMachines[]): Html {
  const { text, page: context } = page
  const { list } = text
  const unique = (names: readonly string[]): readonly string[] =>
    [...new Set(names)].filter(Boolean).slice(0, maxChoices)
  const versions = unique(channels.flatMap((one) => one.versions.map(([version]) => version)))
  const apps = unique(channels.map(({ app }) => app))
  const lang =
    context.c.req.query('lang') === context.words.tag
      ? part`<input type="hidden" name="lang" value="${context.words.tag}">`
      : none
  const choice = (
    name: keyof Query,
    label: string,
    options: readonly (readonly [value: string, text: string])[],
    any = true,
  ): Html => {
    const optionOf = ([value, label]: readonly [string, string]): Html =>
      part`<option value="${value}"${value === query[name] ? part` selected` : none}>${label}</option>`
    const known = [...(any ? [['', list.any] as const] : []), ...options]
    const items = known.slice(0, howManyFit(known.map(optionOf), maxChoiceBytes))
    const isThere = items.some(([value]) => value === query[name]) || (!any && query[name] === '')
    const chosen = [query[name], query[name] === noName ? '–' : given(query[name])] as const
    return part`<div><label for="${name}">${label}</label><select id="${name}" name="${name}">${[...items, ...(isThere ? [] : [chosen])].map(optionOf)}</select></div>\n`
  }
  // Pages lead here with these; nobody picks them from a list.
  const chosen = (name: keyof Query, label: string): Html =>
    query[name] === '' ? none : choice(name, label, [[query[name], detailText(query[name], page)]])
  const same = (names: readonly string[]) => names.map((name) => [name, given(name)] as const)
  return part`<form class="sheet" method="get" action="${context.fileLink('/fleet/machines')}">${lang}
<div><label for="search">${list.search}</label><input type="search" id="search" name="search" value="${query.search}" maxlength="128" autocomplete="off" spellcheck="false" aria-describedby="search-hint"><span class="hint" id="search-hint">${list.searchHint}</span></div>
${choice(
  'state',
  list.state,
  states.map((state: State) => [state, text.states[state]]),
)}${chosen('detail', list.detail)}${chosen('target', list.target)}${choice('channel', list.channel, same(unique(channels.map(({ channel }) => channel))))}${choice('version', list.version, same(versions))}${apps.length > 1 || query.app !== '' ? choice('app', list.app, same(apps)) : none}<div><label for="oem">${list.oem}</label><input type="text" id="oem" name="oem" value="${query.oem}" maxlength="128" autocomplete="off" spellcheck="false"></div>
${choice('silent', list.silent, Object.entries(list.silents))}${choice(
  'sort',
  list.sort,
  sortNames.map((name) => [name, list.sorts[name]]),
  false,
)}<div class="wide"><button type="submit">${list.submit}</button> <a href="${page.link('/machines')}">${list.clear}</a></div></form>`
}

function table(page: FleetPage, machines: readonly MachineRow[]): Html {
  const { list } = page.text
  const heads = [list.machine, list.channel, list.version, list.state, list.since, list.last, list.platform]

  return part`<div class="scroll" tabindex="0"><table class="machines"><thead><tr>${heads.map((head) => part`<th scope="col">${head}</th>`)}</tr></thead><tbody>
${rowsOf(page, machines)}</tbody></table></div>`
}

function rowsOf(page: FleetPage, machines: readonly MachineRow[]): readonly Html[] {
  const {
    text: { list },
    link,
    page: context,
  } = page
  return machines.map((one) => {
    const alias = one.alias ? part`<br><span class="small">${given(one.alias)}</span>` : none
    const platform = [one.board, [one.oem, one.oemVersion].filter(Boolean).join(' ')].filter(Boolean).join(', ')
    return part`<tr><td><a href="${link('/machine', { id: one.machine })}"><code>${given(one.machine)}</code></a>${alias}</td><td>${given(one.channel)}</td><td>${given(one.version)}</td><td>${stateText(page, one)}</td><td data-label="${list.since}">${time(one.since, context)}</td><td data-label="${list.last}">${time(one.last, context)}</td><td>${given(platform)}</td></tr>\n`
  })
}

interface Pages {
  readonly all: number
  /** Machines before this page. */
  readonly from: number
  readonly limit: number
  readonly shown: number
  readonly next: string | undefined
  readonly previous: string | undefined
}

function pager(
  { text: { list }, link }: FleetPage,
  query: Query,
  { all, from, limit, shown, next, previous }: Pages,
): Html {
  if (all === 0) return none
  const to = (after: string, begin: number): string =>
    link('/machines', { ...query, after, from: begin > 0 ? String(begin) : '' })
  const label = list.shown(count(from + 1), count(Math.min(from + shown, all)), count(all))
  const before = previous && part`<a rel="prev" href="${to(previous, Math.max(0, from - limit))}">${list.before}</a>\n`
  return part`<nav class="pager" aria-label="${list.title}"><span class="soft">${label}</span>
${previous && from > limit ? part`<a href="${link('/machines', query)}">${list.first}</a>\n` : none}${before ?? none}${next ? part`<a rel="next" href="${to(next, from + shown)}">${list.next}</a>` : none}</nav>`
}
