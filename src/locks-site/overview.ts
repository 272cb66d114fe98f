/** `/locks`: every group that the token may see. */
import { available } from '../locks/semaphore.ts'
import { allGroups } from '../locks/store.ts'
import { count } from '../private-pages/page.ts'
import { type Html, none, part, time } from '../site/pages/fragments.ts'
import { type GroupState, type LockPage, readState, tools, type View } from './page.ts'

/** Groups of one page. */
const perPage = 50

export async function viewOverview(given: LockPage): Promise<View> {
  const { page, text, who, locking } = given
  const { locks, damaged, elsewhere } = await allGroups(locking)
  const mine = locks.filter(({ group }) => who.access.may('read', group))
  const broken = [...damaged.keys()].filter((group) => who.access.may('read', group))
  const asked = Number(page.c.req.query('from') ?? 0)
  const from = Number.isSafeInteger(asked) && asked > 0 && asked < mine.length ? asked : 0
  // Together: a gate that does not answer is waited for once.
  const states = await Promise.all(mine.slice(from, from + perPage).map((lock) => readState(given, lock)))
  return {
    data: { count: mine.length, groups: states.map(dataOf), damaged: broken, elsewhere: elsewhere.length },
    title: text.title,
    content: () => part`<h1>${text.title}</h1>
${tools(given)}${notes(given, broken, elsewhere.length)}${mine.length === 0 ? part`<p class="note">${text.none} ${text.noneHint}</p>` : table(given, states)}
${mine.length > perPage ? pager(given, from, mine.length) : none}`,
  }
}

/** For scripts. */
const dataOf = ({ lock, waiters, soaking, oldest, veto }: GroupState) => ({
  ...{ group: lock.group, max: lock.max, available: available(lock), holders: lock.holders?.length ?? 0 },
  ...{ soaking: soaking.length, waiting: waiters.waiting.length, oldest: oldest ?? null, veto: veto ?? null },
})

const maxNamed = 20

function notes({ text }: LockPage, broken: readonly string[], elsewhere: number): Html {
  const names = broken.slice(0, maxNamed).join(', ') + (broken.length > maxNamed ? ', …' : '')
  return part`${broken.length > 0 ? part`<p class="note bad" role="alert">${text.damaged} ${names}</p>\n` : none}${elsewhere > 0 ? part`<p class="note">${text.elsewhere}</p>\n` : none}`
}

function table({ page, text: { heads } }: LockPage, states: readonly GroupState[]): Html {
  const titles = [heads.group, heads.slots, heads.taken, heads.soaking, heads.waiting, heads.oldest, heads.closed]
  const rows = states.map(({ lock, waiters, soaking, oldest, veto }) => {
    const numbers = [lock.max, lock.holders?.length ?? 0, soaking.length, waiters.waiting.length]
    return part`<tr><td><a href="${page.link('/locks/group', { group: lock.group })}">${lock.group}</a></td>${numbers.map((n) => part`<td>${count(n)}</td>`)}<td>${oldest ? time(Date.parse(oldest), page) : none}</td><td lang="en">${veto?.reason.slice(0, 200) ?? none}</td></tr>\n`
  })
  return part`<div class="scroll" tabindex="0"><table><thead><tr>${titles.map((title) => part`<th scope="col">${title}</th>`)}</tr></thead><tbody>
${rows}</tbody></table></div>`
}

function pager({ page, text }: LockPage, from: number, all: number): Html {
  const { paging } = page.words
  const to = Math.min(from + perPage, all)
  const link = (at: number, name: string): Html =>
    part`<a href="${page.link('/locks', { from: String(at) })}">${name}</a>\n`
  return part`<nav class="pager" aria-label="${paging.label}"><span class="soft">${text.shown(from + 1, to, all)}</span>
${from > 0 ? link(Math.max(0, from - perPage), paging.before) : none}${to < all ? link(to, paging.after) : none}</nav>`
}
