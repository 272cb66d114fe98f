/** Any interleaving of locksmith, Zincati and operators, over a store that loses answers: nobody too many, nobody lost, nobody stuck. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { decodeLock, type Lock } from '../../src/locks/document.ts'
import { createGroup, setMax } from '../../src/locks/edits.ts'
import { openLocks } from '../../src/locks/http/routes.ts'
import type { Locking } from '../../src/locks/store.ts'
import { createApp } from '../../src/runtime/app.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { rounds } from '../rounds.ts'
import { seeded } from '../world.ts'
import { type Ask, locksmith, type Machine, zincati } from './clients.ts'
import { type Roughness, roughDocuments } from './rough.ts'

const group = 'workers'
const cycles = 3
/** Far more than a turn takes where nobody is stuck. */
const tries = 3000

/** Calls `onWrite` with the state before and after each write that landed. */
function observed(onWrite: (before: Lock | undefined, after: Lock) => void): Documents {
  const inner = memoryDocuments()
  let before: Lock | undefined
  const landed = (key: string, bytes: Uint8Array): void => {
    const after = decodeLock(key, bytes)
    onWrite(before, after)
    before = after
  }
  return {
    ...inner,
    async create(key, bytes) {
      const outcome = await inner.create(key, bytes)
      if (outcome === 'created') landed(key, bytes)
      return outcome
    },
    async swap(key, bytes, token) {
      const outcome = await inner.swap(key, bytes, token)
      if (outcome === 'ok') landed(key, bytes)
      return outcome
    },
  }
}

const namesOf = (lock: Lock | undefined): readonly string[] => (lock?.holders ?? []).map(({ id }) => id)

function appOver(locking: Locking): Ask {
  const { documents, clock } = locking
  const reader = { documents, clock, log: () => {}, pin: { version: 1, sha256: '0'.repeat(64) } }
  const { fetch } = createApp({
    cache: newCatalogCache(),
    reader,
    packages: memoryPackages(nodeHasher),
    events: () => {},
    publicUrl: 'https://updates.example.org',
    extensions: [openLocks({ locking, tokens: [], channels: new Map() })],
    background: () => undefined,
  })
  return async (path, init) => fetch(new Request(`https://updates.example.org${path}`, init))
}

/** Reboots a machine some times, and says from when until when it holds a slot. */
async function reboot(machine: Machine, id: string, holding: Set<string>): Promise<void> {
  for (let cycle = 0; cycle < cycles; cycle++) {
    await until(() => machine.lock(), `${id}: never had its turn`)
    holding.add(id)
    await new Promise((resolve) => setImmediate(resolve))
    holding.delete(id)
    await until(() => machine.unlock(), `${id}: could not give its slot back`)
  }
}

async function until(attempt: () => Promise<'done' | 'again'>, otherwise: string): Promise<void> {
  for (let i = 0; i < tries; i++) if ((await attempt()) === 'done') return
  throw new Error(otherwise)
}

/** Whoever runs the command again. */
function unavailable(error: unknown): 'again' {
  if (error instanceof PlatteError && error.code === 'store-unavailable') return 'again'
  throw error
}

interface Plan {
  readonly seed: number
  readonly rough: Roughness
  readonly kinds: readonly ('locksmith' | 'zincati')[]
  readonly maxes: readonly number[]
}

async function play({ seed, rough, kinds, maxes }: Plan): Promise<void> {
  const holding = new Set<string>()
  const wrong: string[] = []
  const random = seeded(seed)
  const documents = observed((before, after) => {
    const [were, are] = [namesOf(before), namesOf(after)]
    if (are.length > were.length && are.length > after.max) wrong.push(`${are} hold ${after.max} slots`)
    if (before !== undefined && after.rev <= before.rev) wrong.push(`${after.rev} comes after ${before.rev}`)
    for (const id of holding) if (!are.includes(id)) wrong.push(`${id} lost its slot`)
  })
  const clock = () => 1_795_000_000_000
  // Pauses of a real request would only make this longer.
  const locking = { documents: roughDocuments(documents, random, rough), clock, random: () => random() / 1000 }
  await createGroup({ ...locking, documents }, group, 1, 'operator')
  const ask = appOver(locking)
  const machines = kinds.map((kind, i) => {
    const id = `${kind}-${i}`
    return reboot((kind === 'locksmith' ? locksmith : zincati)(ask, group, id), id, holding)
  })
  const operator = async (): Promise<void> => {
    for (const max of maxes)
      await until(() => setMax(locking, group, max).then(() => 'done', unavailable), 'the operator was never heard')
  }
  await Promise.all([...machines, operator()])
  expect(wrong).toEqual([])
  const stored = await documents.get('locks/workers.json', 2 ** 21)
  expect(namesOf(stored && decodeLock('locks/workers.json', stored.bytes))).toEqual([])
}

const share = (most: number) => fc.double({ min: 0, max: most, noNaN: true })

test('never above max, no holder lost, nobody blocked', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        rough: fc.record({
          before: share(0.1),
          after: share(0.15),
          late: share(0.1),
          lie: share(0.15),
          read: share(0.1),
        }),
        kinds: fc.array(fc.constantFrom('locksmith', 'zincati'), { minLength: 2, maxLength: 7 }),
        maxes: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 6 }),
      }),
      play,
    ),
    { numRuns: rounds(200), endOnFailure: true },
  )
})
