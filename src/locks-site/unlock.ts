/** Frees the slot of a machine by hand: a page asks first, and only the slot that the page showed is freed. */

import { findHolder, unlock } from '../locks/semaphore.ts'
import { editLock, type Locking, readLock } from '../locks/store.ts'
import { given } from '../private-pages/page.ts'
import { definitions, type Html, part, time } from '../site/pages/fragments.ts'
import { noGroup } from './group.ts'
import { type LockPage, tools, type View } from './page.ts'

/** The slot of a machine: it may have given it back, and got another one. */
export interface Slot {
  readonly group: string
  readonly id: string
  /** As the holder has it. */
  readonly since: string
}

export const slotOf = (read: (name: string) => string | null | undefined): Slot => ({
  group: (read('group') ?? '').slice(0, 64),
  id: (read('id') ?? '').slice(0, 255),
  since: (read('since') ?? '').slice(0, 40),
})

/** @param by who frees it, for the history. @returns whether this machine held this slot. @throws NoGroup; as `editLock`. */
export async function freeSlot(locking: Locking, { group, id, since }: Slot, by: string): Promise<boolean> {
  const { result } = await editLock<boolean>(locking, group, ({ lock }) => {
    const semaphore = findHolder(lock, id)?.since === since ? unlock(lock, id) : undefined
    if (semaphore === undefined) return { result: false }
    return { result: true, change: { semaphore, events: [{ what: 'unlock', via: 'operator', id, by }] } }
  })
  return result
}

/** Asks before. */
export async function viewUnlock(of: LockPage): Promise<View> {
  const { page, text, locking, who } = of
  const slot = slotOf((name) => page.c.req.query(name))
  const { group, id, since } = slot
  if (!who.access.may('admin', group)) return noGroup(of, group)
  const lock = (await readLock(locking, group))?.lock
  const holder = lock && findHolder(lock, id)
  if (holder === undefined || holder.since !== since) return viewChanged(of, slot)
  const { unlock: words, heads } = text
  const field = ([name, value]: readonly [string, string]): Html =>
    part`<input type="hidden" name="${name}" value="${value}">\n`
  return {
    data: { ...slot, via: holder.via },
    title: words.title,
    content: () => part`<h1>${words.title}</h1>
${tools(of)}${definitions([
  [heads.machine, part`<code>${given(id)}</code>`],
  [heads.group, group],
  [heads.since, time(Date.parse(since), page)],
  [heads.by, holder.via],
])}
<p class="note">${words.warning}</p>
<form class="danger" method="post" action="${page.link('/locks/unlock')}">
${Object.entries(slot).map(field)}<div class="wide"><button type="submit">${words.submit}</button> <a class="ask" href="${page.link('/locks/group', { group })}">${words.cancel}</a></div></form>`,
  }
}

export const viewChanged = (of: LockPage, { group }: Slot): View => ({
  ...{ data: { freed: false, problem: 'the machine does not hold this slot' }, title: of.text.title, status: 409 },
  content: () => part`<h1>${of.text.title}</h1>
${tools(of)}<p class="note bad" role="alert">${of.text.unlock.changed}</p>
<p><a href="${of.page.link('/locks/group', { group })}">${of.text.unlock.cancel}</a></p>`,
})
