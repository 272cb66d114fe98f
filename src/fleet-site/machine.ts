/** `/fleet/machine`: one machine, and its changes of state. */

import { hasFeature } from '../checks/serving.ts'
import type { Change } from '../fleet/machine.ts'
import type { MachineRow } from '../fleet/reader.ts'
import { isoText } from '../kernel/format.ts'
import { fitting, given } from '../private-pages/page.ts'
import { definitions, type Html, none, part, time } from '../site/pages/fragments.ts'
import { appName } from './overview.ts'
import { chip, colourOf, detailText, type FleetPage, toMachines, tools, type View } from './page.ts'

type Found = MachineRow & { readonly changes: readonly Change[] }

const maxChanges = 60
/** Of all timelines of a page. */
const maxBytes = 25_000
/** Machines with one id or alias. */
const maxFound = 10

export function viewMachine(page: FleetPage): View {
  const { fleet, idOf, read, text, link } = page
  const id = read('id')
  const found = id === '' ? [] : fleet.machine(idOf(id)).slice(0, maxFound)
  const title = given(id) || text.machine.title
  if (found.length === 0) {
    const search = part`<a href="${link('/machines', { search: id })}">${text.machine.unknownHint}</a>`
    const content = () => part`<h1>${title}</h1>\n${tools(page)}<p class="note">${text.machine.unknown} ${search}</p>`
    return { title, data: { machines: [] }, status: 404, content }
  }
  return {
    title,
    data: { machines: found.map(({ changes, ...one }) => ({ ...machineData(one), changes: changes.map(changeData) })) },
    content: () => part`<h1>${text.machine.title} <code>${given(found[0]?.machine ?? '')}</code></h1>
${tools(page)}${found.map((one) => machine(page, one, maxBytes / found.length))}`,
  }
}

export const machineData = ({ since, first, last, ...one }: MachineRow): object => ({
  ...one,
  ...{ since: isoText(since), first: isoText(first), last: isoText(last) },
})
const changeData = ({ at, ...change }: Change): object => ({ at: isoText(at), ...change })

export const stateText = (
  page: FleetPage,
  { state, detail, target }: Pick<Change, 'state' | 'detail' | 'target'>,
): Html =>
  part`${chip(state, page.text)}${detail ? part` <span class="small">${detailText(detail, page)}</span>` : none}${
    target && state !== 'rebooted' ? part` <span class="small soft">→ ${given(target)}</span>` : none
  }`

/** @param bytes of its timeline. */
function machine(page: FleetPage, one: Found, bytes: number): Html {
  const { text, link, page: context } = page
  const { machine: words } = text
  const channel = part`<a href="${link('/channel', { app: one.app, channel: one.channel })}">${given(one.channel) || '–'}</a>`
  const changes = one.changes.toReversed().map((change) => step(page, change))
  return part`<section class="sheet" aria-label="${given(one.machine)}">${definitions([
    [words.alias, one.alias && given(one.alias)],
    [words.app, appName(page, one.app)],
    [text.list.channel, channel],
    [
      text.list.version,
      one.version &&
        part`<a href="${toMachines(page, { app: one.app, version: one.version })}">${given(one.version)}</a>`,
    ],
    [words.state, stateText(page, one)],
    [words.board, one.board && given(one.board)],
    [words.oem, given([one.oem, one.oemVersion].filter(Boolean).join(' '))],
    [words.cameFrom, one.cameFrom && given(one.cameFrom)],
    [words.first, time(one.first, context)],
    [words.last, time(one.last, context)],
  ])}
${explanation(page, one)}</section>
<h2>${words.timeline}</h2><p class="small soft">${words.note}</p>
<ol class="steps" reversed>${fitting(changes, maxChanges, bytes, (more) => part`<li>${words.more(more)}</li>`)}</ol>\n`
}

function step(page: FleetPage, change: Change): Html {
  const { text, page: context } = page
  return part`<li><span class="dot ${colourOf(change.state)}"></span>${stateText(page, change)}<br>${time(change.at, context)} <span class="small">${text.machine.runs} ${given(change.version) || text.channel.noVersion}, ${given(change.channel)}</span></li>\n`
}

/** A link to the page that explains what it is offered. */
function explanation(
  { page, text, isHashed }: FleetPage,
  { app, channel, version, board, machine, oem }: MachineRow,
): Html {
  if (page.serving.explain !== 'public' || !hasFeature(page.serving, 'site')) return none
  if (isHashed) return part`<p class="small soft">${text.machine.hashed}</p>`
  return part`<p><a href="${page.link('/explain', { app, channel, version, board, machine, oem })}">${text.machine.explain}</a></p>`
}
