/**
 * Random histories of a group: soaks, leases, zones, freezes and gates, over a store with races and lost answers, under a
 * clock that jumps. Each has a seed, which the error names. 100,000 in the long suite.
 */
import { expect, onTestFinished, test, vi } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import { isoText } from '../../src/kernel/format.ts'
import type { Random } from '../../src/kernel/random.ts'
import type { Lock, LockPolicy } from '../../src/locks/document.ts'
import {
  configureGroup,
  createGroup,
  lockMachine,
  lookAtGroup,
  swapSemaphore,
  unlockMachine,
} from '../../src/locks/edits.ts'
import { available, compareIds, shownTo, type Veto } from '../../src/locks/semaphore.ts'
import type { Documents } from '../../src/store/documents.ts'
import { memoryDocuments } from '../memory.ts'
import { rounds } from '../rounds.ts'
import { seeded } from '../world.ts'

const group = 'workers'
const [minute, hour] = [60_000, 3_600_000]
const start = 1_795_000_000_000
const [soakMs, leaseMs] = [10 * minute, hour]
const freeze = { from: start + 20 * minute, to: start + 40 * minute }
const skews = [0, 0, hour, -hour, 3 * hour, -3 * hour, 72 * hour]
const closed: Veto = { kind: 'gate', reason: 'the gate is closed' }

interface Machine {
  readonly id: string
  readonly zone: string
  readonly kind: 'locksmith' | 'zincati'
  state: 'wants' | 'holds' | 'back' | 'rests'
}

/** What a history depends on, and what is true in it. */
interface World {
  readonly random: Random
  readonly policy: LockPolicy
  readonly max: number
  readonly machines: readonly Machine[]
  /** Time that passed, and how far the server's clock is from it. */
  now: number
  skew: number
  isGateOpen: boolean
  areFaultsOn: boolean
  /** When a machine came back, and when the document last heard of a holder. */
  readonly cameBack: Map<string, number>
  readonly seen: Map<string, number>
  readonly unlocking: Set<string>
  readonly wrong: string[]
}

const pick = <One>(random: Random, list: readonly One[]): One => list[Math.floor(random() * list.length)] as One

function newWorld(seed: number): World {
  const random = seeded(seed)
  const machines = Array.from({ length: 3 + Math.floor(random() * 4) }, (_, i): Machine => {
    const zone = pick(random, ['a', 'b', 'c'])
    return { id: `m${i}`, zone, kind: pick(random, ['locksmith', 'zincati']), state: 'wants' }
  })
  const ids = Object.groupBy(machines, ({ zone }) => zone)
  const list = Object.fromEntries(
    Object.entries(ids).map(([zone, some = []]) => [zone, some.map(({ id }) => id).join(' ')]),
  )
  const zones = pick(random, [undefined, { perZone: 1 }, { perZone: 2 }, { oneAtATime: true as const }])
  const policy: LockPolicy = {
    ...(random() < 0.5 && { soak: 'PT10M' }),
    ...(random() < 0.5 && { lease: 'PT1H', expirePerDay: 100 }),
    ...(random() < 0.3 && { freezes: [{ from: isoText(freeze.from), to: isoText(freeze.to) }] }),
    ...(zones && { zones: { ...zones, ...(random() < 0.5 ? { machines: list } : { bySuffix: true }) } }),
  }
  return {
    ...{ random, policy, max: 1 + Math.floor(random() * 3), machines, now: start, skew: 0 },
    ...{ isGateOpen: true, areFaultsOn: false, cameBack: new Map(), seen: new Map(), unlocking: new Set(), wrong: [] },
  }
}

/** What must hold wherever a write lands. */
function check(world: World, before: Lock, after: Lock): void {
  const { policy, wrong, now } = world
  const [were, are] = [before, after].map(({ holders }) => new Map(holders?.map((one) => [one.id, one])))
  if (after.rev <= before.rev) wrong.push(`${after.rev} follows ${before.rev}`)
  for (const [id, { tick }] of are ?? []) if (were?.get(id)?.tick !== tick || !were?.has(id)) world.seen.set(id, now)
  for (const id of were?.keys() ?? []) {
    if (are?.has(id)) continue
    const silentMs = now - (world.seen.get(id) ?? now)
    const isExpired = after.history.findLast((event) => event.id === id)?.what === 'expire'
    if (world.unlocking.has(id) && !isExpired) world.cameBack.set(id, now)
    else if (!isExpired || policy.lease === undefined || silentMs < leaseMs)
      wrong.push(`${id} lost its slot after ${silentMs} ms`)
  }
  for (const id of are?.keys() ?? []) if (!were?.has(id)) checkGrant(world, id, [...(are?.keys() ?? [])])
}

function checkGrant(
  { policy, wrong, now, skew, isGateOpen, cameBack, machines, max }: World,
  id: string,
  holders: readonly string[],
): void {
  const soaking = [...cameBack].filter(([one, at]) => policy.soak && now - at < soakMs && !holders.includes(one))
  const taken = [...holders, ...soaking.map(([one]) => one)]
  const zoneOf = (one: string) => machines.find((machine) => machine.id === one)?.zone
  const inZone = taken.filter((one) => zoneOf(one) === zoneOf(id))
  const { perZone = 100, oneAtATime } = policy.zones ?? {}
  if (taken.length > max) wrong.push(`${id} is one of ${taken} in ${max} slots`)
  if (inZone.length > perZone) wrong.push(`${inZone} are in one zone of ${perZone}`)
  if (oneAtATime && inZone.length < taken.length) wrong.push(`${taken} are in several zones`)
  if (policy.freezes && now + skew >= freeze.from && now + skew < freeze.to) wrong.push(`${id} was granted in a freeze`)
  if (!isGateOpen) wrong.push(`${id} was granted behind a closed gate`)
}

const fails = (): PlatteError => new PlatteError('store-unavailable', 'made to fail')

/** A store where others write between a read and a write, and answers are lost. */
function storeOf(world: World, rival: () => Promise<void>) {
  const inner = memoryDocuments()
  let last: Lock | undefined
  const late: (() => Promise<unknown>)[] = []
  const swap = async (key: string, bytes: Uint8Array, token: string) => {
    const outcome = await inner.swap(key, bytes, token)
    if (outcome !== 'ok') return outcome
    const after: Lock = JSON.parse(new TextDecoder().decode(bytes))
    if (last) check(world, last, after)
    last = after
    return outcome
  }
  const falls = (share: number): boolean => world.areFaultsOn && world.random() < share
  const documents: Documents = {
    ...inner,
    get: async (key, maxBytes, known) => {
      if (falls(0.03)) throw fails()
      return inner.get(key, maxBytes, known)
    },
    swap: async (key, bytes, token) => {
      if (falls(0.15)) await rival()
      if (falls(0.03)) throw fails()
      if (falls(0.03)) {
        late.push(() => swap(key, bytes, token))
        throw fails()
      }
      const outcome = await swap(key, bytes, token)
      if (falls(0.05)) throw fails()
      return falls(0.03) ? 'conflict' : outcome
    },
  }
  return { documents, settle: async () => void (await Promise.all(late.splice(0).map((write) => write()))) }
}

type Locking = Parameters<typeof lockMachine>[0]

/** @returns whether it has what it asked for. */
async function lock({ policy, isGateOpen }: World, locking: Locking, { id, zone, kind }: Machine): Promise<boolean> {
  const asked = { zone: policy.zones?.bySuffix ? zone : undefined, gate: isGateOpen ? undefined : closed }
  if (kind === 'zincati') {
    const { result } = await lockMachine(locking, group, { id, via: 'fleet-lock', ...asked })
    return result.kind === 'locked' || result.kind === 'held'
  }
  return locksmith(locking, id, asked, (ids) => (ids.includes(id) ? 'done' : [...ids, id].sort(compareIds)))
}

async function unlock(_: World, locking: Locking, { id, kind }: Machine): Promise<boolean> {
  if (kind === 'locksmith')
    return locksmith(locking, id, {}, (ids) => (ids.includes(id) ? ids.filter((one) => one !== id) : 'done'))
  await unlockMachine(locking, group, { id, via: 'fleet-lock' })
  return true
}

type Change = (ids: readonly string[]) => readonly string[] | 'done'

/** What locksmithd does, where it names itself: it looks at the number of free slots first. */
async function locksmith(locking: Locking, id: string, asked: object, change: Change): Promise<boolean> {
  const { after } = await lookAtGroup(locking, group)
  const shown = shownTo(after, id)
  const ids = shown.holders?.map((one) => one.id) ?? []
  const holders = change(ids)
  if (holders !== 'done' && holders.length > ids.length && available(shown) <= 0) return false
  if (holders === 'done') return available(shown) > 0 || !ids.includes(id)
  const written = { max: shown.max, holders }
  const { result } = await swapSemaphore(locking, group, {
    index: BigInt(after.rev),
    written,
    isAdmin: false,
    ...asked,
  })
  return result.kind === 'swapped'
}

const nextState = { wants: 'holds', back: 'rests' } as const

/** One machine does what is next for it. Where an answer is lost, it does that again. */
async function act(world: World, locking: Locking, machine: Machine): Promise<void> {
  const { state } = machine
  if (state === 'holds') machine.state = 'back'
  if (state === 'rests') machine.state = 'wants'
  if (state !== 'wants' && state !== 'back') return
  if (state === 'back') world.unlocking.add(machine.id)
  try {
    const isDone = await (state === 'wants' ? lock : unlock)(world, locking, machine)
    const isLost = world.areFaultsOn && world.random() < 0.1
    if (isDone && !isLost) machine.state = nextState[state]
  } catch (error) {
    if (!(error instanceof PlatteError) || !['store-unavailable', 'conflict'].includes(error.code)) throw error
  }
  // A write that failed may land later.
  if (machine.state === 'rests') world.unlocking.delete(machine.id)
}

async function play(seed: number, isFinished: boolean): Promise<readonly string[]> {
  const world = newWorld(seed)
  const { random, machines } = world
  const acting: Machine[] = []
  /** Not more than two at once, and none beside itself. */
  const step = async (): Promise<void> => {
    const machine = pick(random, machines)
    if (acting.length > 1 || acting.includes(machine)) return
    acting.push(machine)
    await act(world, locking, machine)
    acting.pop()
  }
  const store = storeOf(world, step)
  const locking: Locking = { ...store, clock: () => world.now + world.skew, random }
  await createGroup(locking, group, world.max, 'operator')
  await configureGroup(locking, group, ({ max }) => ({ max, policy: world.policy }))
  world.areFaultsOn = true
  for (let i = 0; i < 12; i++) {
    await step()
    await store.settle()
    world.now += random() < 0.1 ? hour : random() * 6 * minute
    if (random() < 0.05) world.skew = pick(random, skews)
    if (random() < 0.1) world.isGateOpen = !world.isGateOpen
  }
  world.areFaultsOn = false
  if (isFinished) await finish(world, locking)
  return world.wrong
}

/** Soaks, a freeze and a clock that was an hour ahead, for each machine. */
const maxRounds = 100

/** Without faults, everybody who asks every 5 minutes has its turn, and nobody waits for itself. */
async function finish(world: World, locking: Locking): Promise<void> {
  world.isGateOpen = true
  const turns = new Set<string>()
  for (const machine of world.machines.filter(({ state }) => state === 'wants')) {
    await act(world, locking, machine)
    // The answer is lost.
    machine.state = 'wants'
  }
  for (let round = 0; round < maxRounds && turns.size < world.machines.length; round++) {
    world.now += 5 * minute
    for (const machine of world.machines) {
      const before = machine.state
      if (before === 'rests' && turns.has(machine.id)) continue
      await act(world, locking, machine)
      if (before === 'back' && machine.state === 'rests') turns.add(machine.id)
    }
  }
  for (const { id } of world.machines) if (!turns.has(id)) world.wrong.push(`${id} never had its turn`)
}

/** 500 of them in the short suite. */
const count = rounds(100_000) === 100_000 ? 100_000 : 500

test('never too many, in a freeze or behind a gate; soaks are kept; each has its turn', {
  timeout: 1_200_000,
}, async () => {
  // Pauses before another try would only make this longer.
  vi.stubGlobal('setTimeout', (next: () => void) => queueMicrotask(next))
  onTestFinished(() => void vi.unstubAllGlobals())
  for (let seed = 1; seed <= count; seed++) {
    const wrong = await play(seed, seed % 4 === 0)
    if (wrong.length > 0) expect.fail(`history ${seed}: ${wrong.join('; ')}`)
  }
})
