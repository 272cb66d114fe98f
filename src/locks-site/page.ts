/** What each page of reboot locks gets, and its frame. */
import type { Serving } from '../checks/serving.ts'
import type { Instant } from '../kernel/clock.ts'
import { readWaiters } from '../lock-queue/extension.ts'
import type { Queue } from '../lock-queue/queue.ts'
import type { Waiters } from '../lock-queue/waiting.ts'
import type { Lock } from '../locks/document.ts'
import { staleHoldersOf } from '../locks/edits.ts'
import { type Access, heldNow } from '../locks/http/lock-request.ts'
import { available, oldestHolder, type Veto } from '../locks/semaphore.ts'
import type { Locking } from '../locks/store.ts'
import { soakingOf, tickOf } from '../locks/ticks.ts'
import { vetoHere } from '../locks/vetoes.ts'
import { type AnswerPrivate, answerPrivate, toolBar } from '../private-pages/page.ts'
import type { Html } from '../site/pages/fragments.ts'
import type { PageContext } from '../site/pages/page.ts'
import { stylePath } from './style.ts'
import { english, type LockWords } from './words-en.ts'
import { chinese } from './words-zh.ts'

/** Who signed in. */
export interface Who {
  /** For the history. */
  readonly name: string
  readonly access: Access
}

export interface LockPages {
  readonly locking: Locking
  /** The group of the machines of a channel, by `app/channel`. */
  readonly channels: ReadonlyMap<string, string>
}

export interface LockPage extends LockPages {
  readonly page: PageContext
  readonly serving: Serving
  readonly text: LockWords
  readonly now: Instant
  readonly who: Who
}

/** What a page shows, as data for scripts and as HTML. */
export interface View {
  readonly data: object
  readonly title: string
  readonly content: () => Html
  readonly status?: 200 | 404 | 409
}

export const wordsFor = ({ words }: PageContext): LockWords => (words.tag === 'zh' ? chinese : english)

export const answerLockPage: AnswerPrivate = (page, frame, content) =>
  answerPrivate(page, { section: 'locks', sheet: stylePath, footer: wordsFor(page).footer, ...frame }, content)

export const tools = ({ page, text }: LockPage): Html =>
  toolBar(page, 'locks', { asOf: text.asOf, out: text.login.out }, [[page.link('/locks'), text.all]])

/** A group as pages show it. */
export interface GroupState {
  readonly lock: Lock
  readonly waiters: Waiters
  /** Ids of machines that came back, and whose slots are not free yet. */
  readonly soaking: readonly string[]
  /** Ids of holders not seen for longer than their lease. */
  readonly overdue: readonly string[]
  /** When the oldest holder got its slot. */
  readonly oldest: string | undefined
  readonly veto: Veto | undefined
}

export async function readState({ serving, locking, channels, now }: LockPage, lock: Lock): Promise<GroupState> {
  const { cache, reader } = serving
  const held = lock.policy.vetoOnHold ? await heldNow({ cache, reader }, { channels }, lock.group) : undefined
  return {
    ...{ lock, waiters: await readWaiters(locking, queueOf(serving), lock) },
    soaking: soakingOf(lock, tickOf(lock, now)).map(({ id }) => id),
    overdue: staleHoldersOf(lock, now).map(({ id }) => id),
    ...{ oldest: oldestHolder(lock)?.since, veto: vetoHere(lock, { now, held }) ?? (await gateVeto(serving, lock)) },
  }
}

/** What the gates say, which remember it for seconds: asked as for machines, where a slot would be given. */
async function gateVeto({ extensions = [] }: Serving, lock: Lock): Promise<Veto | undefined> {
  const gate = extensions.find(({ lockGate }) => lockGate?.has(lock.group))?.lockGate
  const reason = available(lock) > 0 ? await gate?.ask(lock.group) : undefined
  return reason === undefined ? undefined : { kind: 'gate', reason }
}

/** What this process saw, and did not write yet. */
const queueOf = ({ extensions = [] }: Serving): Queue | undefined =>
  (extensions.find(({ name }) => name === 'lock-queue') as { readonly queue?: Queue } | undefined)?.queue
