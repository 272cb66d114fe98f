/** Machines as their clients behave, over any way to send a request: locksmith 0.6 (lock/etcd.go, daemon.go) and Zincati. */

/** One way to reach an endpoint. */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>

/** What came of one try. */
export type Tried = 'done' | 'again'

/** A machine that can try to get a slot, and to give it back. */
export interface Machine {
  lock(): Promise<Tried>
  unlock(): Promise<Tried>
}

const key = (group: string): string => `/v2/keys/coreos.com/updateengine/rebootlock/groups/${group}/semaphore`
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const put = (value: unknown): RequestInit => ({
  method: 'PUT',
  headers: form,
  body: new URLSearchParams({ value: JSON.stringify(value) }).toString(),
})

interface Value {
  readonly semaphore: number
  readonly max: number
  readonly holders: readonly string[] | null
}

interface Node {
  readonly value: string
  readonly modifiedIndex: number
}

const errorOf = async (answer: Response): Promise<number | undefined> =>
  ((await answer.json()) as { readonly errorCode?: number }).errorCode

/** A change as locksmith makes it on what it read: `undefined` where it would not write. */
type Change = (value: Value) => Value | Tried

/** Every command of locksmith begins so. */
async function init(ask: Ask, group: string): Promise<Tried> {
  const made = await ask(`${key(group)}?prevExist=false`, put({ semaphore: 1, max: 1, holders: null }))
  return made.ok || (await errorOf(made)) === 105 ? 'done' : 'again'
}

async function change(ask: Ask, group: string, edit: Change): Promise<Tried> {
  const read = await ask(`${key(group)}?quorum=false&recursive=false&sorted=false`)
  if (!read.ok) return 'again'
  const { node } = (await read.json()) as { readonly node: Node }
  const edited = edit(JSON.parse(node.value))
  if (typeof edited === 'string') return edited
  return (await ask(`${key(group)}?prevIndex=${node.modifiedIndex}`, put(edited))).ok ? 'done' : 'again'
}

/** locksmithd: it makes sure of the key once, before it looks at it again and again. */
export const locksmithd = (ask: Ask, group: string, id: string): Machine & { init(): Promise<Tried> } => ({
  init: () => init(ask, group),
  /** A semaphore at 0 is looked at before the holders are, and a holder that exists counts as success. */
  lock: () =>
    change(ask, group, ({ semaphore, max, holders }) => {
      if (semaphore <= 0) return 'again'
      const others = holders ?? []
      if (others.includes(id)) return 'done'
      return { semaphore: semaphore - 1, max, holders: [...others, id].sort() }
    }),
  unlock: () =>
    change(ask, group, ({ semaphore, max, holders }) => {
      const others = holders ?? []
      if (!others.includes(id)) return 'done'
      return { semaphore: semaphore + 1, max, holders: others.filter((one) => one !== id) }
    }),
})

/** locksmithctl, or a daemon that was started anew. */
export function locksmith(ask: Ask, group: string, id: string): Machine {
  const daemon = locksmithd(ask, group, id)
  const begun = async (work: () => Promise<Tried>): Promise<Tried> =>
    (await daemon.init()) === 'done' ? work() : 'again'
  return { lock: () => begun(daemon.lock), unlock: () => begun(daemon.unlock) }
}

/** Zincati: both requests until they are answered with 200. */
export function zincati(ask: Ask, group: string, id: string): Machine {
  const post = async (path: string): Promise<Tried> => {
    const body = JSON.stringify({ client_params: { id, group } }, null, 2)
    const { ok } = await ask(path, { method: 'POST', headers: { 'fleet-lock-protocol': 'true' }, body })
    return ok ? 'done' : 'again'
  }
  return { lock: () => post('/v1/pre-reboot'), unlock: () => post('/v1/steady-state') }
}
