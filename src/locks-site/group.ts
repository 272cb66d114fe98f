/** `/locks/group`: who holds a slot, who waits and why, and what happened. */
import type { Waiting } from '../lock-queue/waiting.ts'
import type { LockEvent } from '../locks/document.ts'
import { available, type Holder, lastSeen } from '../locks/semaphore.ts'
import { readLock } from '../locks/store.ts'
import { fitting, given } from '../private-pages/page.ts'
import { definitions, type Html, none, part, time } from '../site/pages/fragments.ts'
import { type GroupState, type LockPage, readState, tools, type View } from './page.ts'

/** Of each list, and the bytes of its rows: ids of machines may be long, and pages are small. */
const [maxRows, maxRowBytes] = [50, 14_000]
const maxEvents = 30

export async function viewGroup(of: LockPage): Promise<View> {
  const { page, text, who, locking } = of
  const group = (page.c.req.query('group') ?? '').slice(0, 64)
  const lock = who.access.may('read', group) ? await readGroup(of, group) : undefined
  if (lock === undefined) return noGroup(of, group)
  const state = await readState({ ...of, locking }, lock)
  return {
    data: dataOf(state),
    title: group,
    content: () => part`<h1>${group}</h1>
${tools(of)}${freed(of)}${facts(of, state)}
<h2>${text.holders}</h2>
${holders(of, state)}
<h2>${text.waiting}</h2>
${waiting(of, state)}
<h2>${text.history}</h2>
${history(of, lock.history)}`,
  }
}

/** @throws as `readLock`. */
const readGroup = async ({ locking }: LockPage, group: string) =>
  /^[A-Za-z0-9]/.test(group) ? (await readLock(locking, group))?.lock : undefined

export const noGroup = (of: LockPage, group: string): View => ({
  ...{ data: { group: null }, title: of.text.title, status: 404 },
  content: () => part`<h1>${of.text.title}</h1>
${tools(of)}<p class="note">${of.text.noGroup(given(group))}</p>`,
})

/** For scripts: all of it. */
const dataOf = ({ lock, waiters, soaking, overdue, oldest, veto }: GroupState) => ({
  ...{ group: lock.group, max: lock.max, available: available(lock), oldest: oldest ?? null, veto: veto ?? null },
  holders: (lock.holders ?? []).map(({ tick: _, ...one }) => ({ ...one, overdue: overdue.includes(one.id) })),
  ...{ soaking, ...waiters, history: lock.history.toReversed() },
})

function freed({ page, text }: LockPage): Html {
  const id = page.c.req.query('freed')
  return id ? part`<p class="note" role="status">${text.unlock.done(given(id.slice(0, 255)))}</p>\n` : none
}

const facts = ({ text }: LockPage, { lock, soaking, veto }: GroupState): Html =>
  definitions([
    [text.heads.slots, text.slots(lock.holders?.length ?? 0, lock.max)],
    [text.heads.closed, veto && part`<span lang="en">${veto.reason.slice(0, 300)}</span>`],
    [
      text.heads.soaking,
      soaking.length > 0
        ? part`${text.soaking(soaking.length)}: ${given(soaking.slice(0, 10).join(', ').slice(0, 600))}`
        : '',
    ],
  ])

function table({ text }: LockPage, heads: readonly string[], rows: readonly Html[], most = maxRows): Html {
  const rest = (count: number): Html => part`<tr><td colspan="${heads.length}">${text.more(count)}</td></tr>`
  return part`<div class="scroll" tabindex="0"><table><thead><tr>${heads.map((head) => part`<th scope="col">${head}</th>`)}</tr></thead><tbody>
${fitting(rows, most, maxRowBytes, rest)}</tbody></table></div>`
}

function holders(of: LockPage, { lock, overdue }: GroupState): Html {
  const { page, text, who } = of
  const { heads, unlock } = text
  const all = (lock.holders ?? []).toSorted((a, b) => Date.parse(a.since) - Date.parse(b.since))
  if (all.length === 0) return part`<p>${text.noHolders}</p>`
  const canFree = who.access.may('admin', lock.group)
  const free = ({ id, since }: Holder): Html =>
    canFree
      ? part`<td><a href="${page.link('/locks/unlock', { group: lock.group, id, since })}">${unlock.button}</a></td>`
      : none
  const rows = all.map((one) => {
    const late = overdue.includes(one.id) ? part` <span class="state bad">${text.overdue}</span>` : none
    return part`<tr><td><code>${given(one.id)}</code>${late}</td><td>${one.via}</td><td>${time(Date.parse(one.since), page)}</td><td>${time(lastSeen(one), page)}</td>${free(one)}</tr>\n`
  })
  return table(of, [heads.machine, heads.by, heads.since, heads.seen, ...(canFree ? [unlock.title] : [])], rows)
}

function waiting(of: LockPage, { waiters }: GroupState): Html {
  const { page, text } = of
  const { heads } = text
  const silent = waiters.silent.length > 0 ? part`<p class="soft">${text.silent(waiters.silent.length)}</p>` : none
  if (waiters.waiting.length === 0) return part`<p>${text.noWaiting}</p>${silent}`
  const why = ({ reason, words }: Waiting): Html =>
    part`${text.reasons[reason] ?? reason}${words ? part`<br><span class="soft small" lang="en">${given(words)}</span>` : none}`
  const rows = waiters.waiting.map(
    (one) =>
      part`<tr><td><code>${given(one.id)}</code>${one.isAddress ? part` <span class="soft">(${text.address})</span>` : none}</td><td>${one.via}</td><td>${time(Date.parse(one.first), page)}</td><td>${time(Date.parse(one.last), page)}</td><td>${why(one)}</td></tr>\n`,
  )
  return part`<p class="lead">${text.waitingHint}</p>
${table(of, [heads.machine, heads.by, heads.first, heads.last, heads.why], rows)}${silent}`
}

function history(of: LockPage, events: readonly LockEvent[]): Html {
  const { page, text } = of
  const { heads } = text
  const rows = events.toReversed().map(({ at, what, id, max, via, by }) => {
    const about = id === undefined ? (max ?? '') : part`<code>${given(id)}</code>`
    const who = by === undefined ? (via ?? '') : `${via ?? ''}: ${given(by)}`
    return part`<tr><td>${time(Date.parse(at), page)}</td><td>${text.events[what] ?? what}</td><td>${about}</td><td>${who}</td></tr>\n`
  })
  return table(of, [heads.at, heads.what, heads.machine, heads.who], rows, maxEvents)
}
