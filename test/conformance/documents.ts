/** The suite of the port `Documents`. Every adapter passes every row; every lie in liars.ts fails one. */
import type { Documents, StoredDocument } from '../../src/ports/documents.ts'
import { type At, badKeys, listed, present, type Row, refuses, same, sample, text } from './rows.ts'

const cap = 1024 * 1024
const [one, two, three] = [text('{"n":1}'), text('{"n":2}'), text('{"n":3}')]

const read = async (store: Documents, key: string): Promise<StoredDocument> =>
  present(await store.get(key, cap), `get ${key}`)

const holds = async (store: Documents, key: string, want: Uint8Array): Promise<void> =>
  same((await read(store, key)).bytes, want, `the bytes of ${key}`)

/** A document that was just created, and its token. */
async function created(store: Documents, key: string, bytes: Uint8Array): Promise<string> {
  same(await store.create(key, bytes), 'created', 'create')
  return (await read(store, key)).token
}

export const documentRows: readonly Row<Documents>[] = [
  {
    name: 'a key that was never written is absent',
    async run(store, at) {
      for (const name of ['catalog.jws', 'constructor', 'toString', 'a/b/c/d/e.jws'])
        same(await store.get(at(name), cap), undefined, `get ${name}`)
    },
  },
  {
    name: 'create stores the bytes',
    async run(store, at) {
      same(await store.create(at('a.jws'), one), 'created', 'create')
      await holds(store, at('a.jws'), one)
    },
  },
  {
    name: 'create with equal bytes is same',
    async run(store, at) {
      await created(store, at('a.jws'), one)
      same(await store.create(at('a.jws'), one), 'same', 'the second create')
    },
  },
  {
    name: 'create with other bytes is taken and changes nothing',
    async run(store, at) {
      await created(store, at('a.jws'), one)
      for (const other of [two, text(''), text('{"n":1} ')])
        same(await store.create(at('a.jws'), other), 'taken', 'the second create')
      await holds(store, at('a.jws'), one)
    },
  },
  {
    name: 'documents of any bytes come back, also none',
    async run(store, at) {
      for (const [name, size] of Object.entries({ none: 0, one: 1, some: 4096, many: 700_000 })) {
        await created(store, at(name), sample(size, size))
        await holds(store, at(name), sample(size, size))
      }
    },
  },
  {
    name: 'what the caller does to its bytes afterwards changes nothing',
    async run(store, at) {
      const mine = text('{"n":1}')
      const token = await created(store, at('a.jws'), mine)
      mine.fill(0)
      await holds(store, at('a.jws'), one)
      const next = text('{"n":2}')
      same(await store.swap(at('a.jws'), next, token), 'ok', 'swap')
      next.fill(0)
      await holds(store, at('a.jws'), two)
    },
  },
  {
    name: 'what the caller does to bytes that it got changes nothing',
    async run(store, at) {
      await created(store, at('a.jws'), one)
      ;(await read(store, at('a.jws'))).bytes.fill(0)
      await holds(store, at('a.jws'), one)
    },
  },
  {
    name: 'get holds its cap',
    async run(store, at) {
      await created(store, at('a.jws'), sample(1000, 1))
      same(present(await store.get(at('a.jws'), 1000), 'get').bytes.length, 1000, 'bytes at the cap')
      await refuses(['too-large'], 'get above the cap', () => store.get(at('a.jws'), 999))
    },
  },
  {
    name: 'swap replaces the state that its token marks',
    async run(store, at) {
      let token = await created(store, at('a.jws'), one)
      for (const next of [two, three, text(''), one]) {
        same(await store.swap(at('a.jws'), next, token), 'ok', 'swap')
        await holds(store, at('a.jws'), next)
        token = (await read(store, at('a.jws'))).token
      }
    },
  },
  {
    name: 'a token is the same as long as the state is',
    async run(store, at) {
      const token = await created(store, at('a.jws'), one)
      same((await read(store, at('a.jws'))).token, token, 'the token of the second get')
    },
  },
  {
    name: 'what is known is returned itself until the state is another one',
    async run(store, at) {
      const token = await created(store, at('a.jws'), one)
      const known = { token, made: 'of it' }
      same((await store.get(at('a.jws'), cap, known)) === known, true, 'the known one comes back')
      same(await store.swap(at('a.jws'), two, token), 'ok', 'swap')
      const next = present(await store.get(at('a.jws'), cap, known), 'get after a swap')
      same('bytes' in next ? next.bytes : 'the known one', two, 'the bytes after a swap')
      same(await store.get(at('b.jws'), cap, known), undefined, 'another key')
    },
  },
  {
    name: 'swap with a stale token is a conflict and changes nothing',
    async run(store, at) {
      const token = await created(store, at('a.jws'), one)
      same(await store.swap(at('a.jws'), two, token), 'ok', 'swap')
      same(await store.swap(at('a.jws'), three, token), 'conflict', 'swap with the old token')
      await holds(store, at('a.jws'), two)
    },
  },
  {
    name: 'swap with the token of another document is a conflict',
    async run(store, at) {
      await created(store, at('a.jws'), one)
      const token = await created(store, at('b.jws'), two)
      same(await store.swap(at('a.jws'), three, token), 'conflict', 'swap')
      await holds(store, at('a.jws'), one)
    },
  },
  {
    name: 'swap of a document that is not there is a conflict and makes none',
    async run(store, at) {
      const token = await created(store, at('a.jws'), one)
      same(await store.swap(at('b.jws'), two, token), 'conflict', 'swap')
      same(await store.get(at('b.jws'), cap), undefined, 'get')
    },
  },
  {
    name: 'bytes that return: an old token either wins or changes nothing',
    async run(store, at) {
      const token = await created(store, at('a.jws'), one)
      same(await store.swap(at('a.jws'), two, token), 'ok', 'swap there')
      same(await store.swap(at('a.jws'), one, (await read(store, at('a.jws'))).token), 'ok', 'swap back')
      const outcome = await store.swap(at('a.jws'), three, token)
      await holds(store, at('a.jws'), outcome === 'ok' ? three : one)
    },
  },
  {
    name: 'after a swap, create judges by the new bytes',
    async run(store, at) {
      const token = await created(store, at('a.jws'), one)
      await store.swap(at('a.jws'), two, token)
      same(await store.create(at('a.jws'), one), 'taken', 'create with the old bytes')
      same(await store.create(at('a.jws'), two), 'same', 'create with the new bytes')
    },
  },
  {
    name: 'every get after an answered write sees it',
    async run(store, at) {
      let token = await created(store, at('a.jws'), text('0'))
      for (let n = 1; n <= 20; n++) {
        same(await store.swap(at('a.jws'), text(`${n}`), token), 'ok', `swap ${n}`)
        const seen = await Promise.all([1, 2, 3].map(() => read(store, at('a.jws'))))
        for (const { bytes } of seen) same(bytes, text(`${n}`), `get after swap ${n}`)
        token = seen[0]?.token ?? ''
      }
    },
  },
  { name: 'of 8 racing creates exactly one wins', run: (store, at) => racingCreates(store, at, 8) },
  { name: 'of 16 racing creates exactly one wins', run: (store, at) => racingCreates(store, at, 16) },
  {
    name: 'racing creates of equal bytes all succeed',
    async run(store, at) {
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => store.create(at('a.jws'), one)))
      same(outcomes.includes('taken'), false, 'taken')
      await holds(store, at('a.jws'), one)
    },
  },
  { name: 'of 8 racing swaps exactly one wins', run: (store, at) => racingSwaps(store, at, 8) },
  { name: 'of 16 racing swaps exactly one wins', run: (store, at) => racingSwaps(store, at, 16) },
  {
    name: 'a counter under racing swaps loses nothing',
    async run(store, at) {
      await created(store, at('a.json'), text('0'))
      await Promise.all(range(4).map(() => addTo(store, at('a.json'), 5)))
      await holds(store, at('a.json'), text('20'))
    },
  },
  {
    name: 'a reader never sees half a document',
    async run(store, at) {
      const states = range(6).map((n) => sample(200_000 + n, n))
      const whole = new Set(states.map(sum))
      const writing = writeAll(store, at('a.jws'), states)
      for (let reads = 0; reads < 20; reads++) {
        const seen = await store.get(at('a.jws'), cap)
        if (seen !== undefined) same(whole.has(sum(seen.bytes)), true, `read ${reads} is one of the states`)
      }
      await writing
    },
  },
  {
    name: 'a key that leaves the store, or that nothing builds, is refused',
    async run(store) {
      for (const key of badKeys) {
        const name = JSON.stringify(key.slice(0, 40))
        await refuses(['bad-request'], `get ${name}`, () => store.get(key, cap))
        await refuses(['bad-request'], `create ${name}`, () => store.create(key, one))
        await refuses(['bad-request'], `swap ${name}`, () => store.swap(key, one, 'token'))
      }
    },
  },
  {
    name: 'list gives the keys with the prefix, in byte order',
    async run(store, at) {
      if (store.list === undefined) return
      const names = ['b/1.jws', 'a/2.jws', 'a/1.jws', 'a-b/1.jws', 'a.jws', 'B/1.jws', 'a/10.jws', 'ab']
      for (const name of names) await created(store, at(name), text(name))
      const inOrder = ['B/1.jws', 'a-b/1.jws', 'a.jws', 'a/1.jws', 'a/10.jws', 'a/2.jws', 'ab', 'b/1.jws'].map(at)
      same(await listed(store.list(at(''))), inOrder, 'list all')
      same(await listed(store.list(at('a/'))), inOrder.slice(3, 6), 'list a/')
      same(await listed(store.list(at('a/1'))), inOrder.slice(3, 5), 'list a/1')
      same(await listed(store.list(at('nothing/'))), [], 'list of nothing')
      same(
        (await listed(store.list(''))).filter((key) => key.startsWith(at(''))),
        inOrder,
        'list without a prefix',
      )
    },
  },
  {
    name: 'list names no more than was stored, also after swaps',
    async run(store, at) {
      if (store.list === undefined) return
      const token = await created(store, at('a.jws'), one)
      await store.swap(at('a.jws'), two, token)
      await store.swap(at('a.jws'), three, token)
      same(await listed(store.list(at(''))), [at('a.jws')], 'list')
    },
  },
  {
    name: 'folders names what holds keys',
    async run(store, at) {
      if (store.folders === undefined) return same(store.list, undefined, 'a store that lists but has no folders')
      const names = ['b/1.jws', 'a/2.jws', 'a/1/x.jws', 'a-b/c/d/1.jws', 'a.jws', 'B/1.jws']
      for (const name of names) await created(store, at(name), text(name))
      same((await listed(store.folders(at('')))).toSorted(), ['B', 'a', 'a-b', 'b'], 'folders')
      same(await listed(store.folders(at('a/'))), ['1'], 'folders of a/')
      same(await listed(store.folders(at('a-b/c/d/'))), [], 'folders where only keys are')
      same(await listed(store.folders(at('nothing/'))), [], 'folders of nothing')
    },
  },
]

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n)

const sum = (bytes: Uint8Array): number =>
  bytes.reduce((total, byte, i) => (total + byte * (i + 1)) % 1e9, bytes.length)

async function racingCreates(store: Documents, at: At, racers: number): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const key = at(`${racers}-${round}.jws`)
    const outcomes = await Promise.all(range(racers).map((n) => store.create(key, text(`create ${n}`))))
    const counts = ['created', 'taken', 'same'].map((kind) => outcomes.filter((outcome) => outcome === kind).length)
    same(counts, [1, racers - 1, 0], 'created, taken, same')
    await holds(store, key, text(`create ${outcomes.indexOf('created')}`))
  }
}

async function racingSwaps(store: Documents, at: At, racers: number): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const key = at(`${racers}-${round}.jws`)
    const token = await created(store, key, text('first'))
    const outcomes = await Promise.all(range(racers).map((n) => store.swap(key, text(`swap ${n}`), token)))
    same(outcomes.filter((outcome) => outcome === 'ok').length, 1, 'swaps that won')
    await holds(store, key, text(`swap ${outcomes.indexOf('ok')}`))
  }
}

/** Adds 1 to the number in a document, `times` over, as often as others get in between. */
async function addTo(store: Documents, key: string, times: number): Promise<void> {
  for (let done = 0, tries = 0; done < times; tries++) {
    if (tries > 10_000) throw new Error(`${key}: 10000 swaps in vain`)
    const { bytes, token } = await read(store, key)
    const next = text(`${Number(new TextDecoder().decode(bytes)) + 1}`)
    if ((await store.swap(key, next, token)) === 'ok') done += 1
  }
}

async function writeAll(store: Documents, key: string, states: readonly Uint8Array[]): Promise<void> {
  for (const [n, bytes] of states.entries()) {
    if (n === 0) await store.create(key, bytes)
    else await store.swap(key, bytes, (await read(store, key)).token)
  }
}
