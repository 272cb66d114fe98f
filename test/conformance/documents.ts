/** The suite of the port `Documents`: what an operator's store is asked, and more. Every adapter passes every row; every lie in liars.ts fails one. */

import { documentChecks, racingCreates, racingSwaps } from '../../src/doctor/document-checks.ts'
import type { Documents } from '../../src/store/documents.ts'
import {
  badKeys,
  created,
  holds,
  listed,
  maxBytes,
  present,
  type Row,
  read,
  refuses,
  same,
  sample,
  text,
} from './rows.ts'

const [one, two, three] = [text('{"n":1}'), text('{"n":2}'), text('{"n":3}')]

export const documentRows: readonly Row<Documents>[] = [
  ...documentChecks,
  {
    name: 'a key that JavaScript has another meaning for is absent, too',
    async run(store, at) {
      for (const name of ['constructor', 'toString', 'hasOwnProperty/valueOf'])
        same(await store.get(at(name), maxBytes), undefined, `get ${name}`)
    },
  },
  {
    name: 'create with no bytes, or with one more, is taken and changes nothing',
    async run(store, at) {
      await created(store, at('a.jws'), one)
      for (const other of [text(''), text('{"n":1} ')])
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
    name: 'swap goes on from swap to swap, also by way of no bytes',
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
    name: 'swap with the token of another document is a conflict',
    async run(store, at) {
      await created(store, at('a.jws'), one)
      const token = await created(store, at('b.jws'), two)
      same(await store.swap(at('a.jws'), three, token), 'conflict', 'swap')
      await holds(store, at('a.jws'), one)
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
  { name: 'of 16 racing creates exactly one wins', run: racingCreates(16) },
  { name: 'of 16 racing swaps exactly one wins', run: racingSwaps(16) },
  {
    name: 'racing creates of equal bytes all succeed',
    async run(store, at) {
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => store.create(at('a.jws'), one)))
      same(outcomes.includes('taken'), false, 'taken')
      await holds(store, at('a.jws'), one)
    },
  },
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
      const writer = writeAll(store, at('a.jws'), states)
      for (let reads = 0; reads < 20; reads++) {
        const seen = await store.get(at('a.jws'), maxBytes)
        if (seen !== undefined) same(whole.has(sum(seen.bytes)), true, `read ${reads} is one of the states`)
      }
      await writer
    },
  },
  {
    name: 'a key that leaves the store, or that nothing builds, is refused',
    async run(store) {
      for (const key of badKeys) {
        const name = JSON.stringify(key.slice(0, 40))
        await refuses(['bad-request'], `get ${name}`, () => store.get(key, maxBytes))
        await refuses(['bad-request'], `create ${name}`, () => store.create(key, one))
        await refuses(['bad-request'], `swap ${name}`, () => store.swap(key, one, 'token'))
      }
    },
  },
  {
    name: 'list without a prefix gives all keys',
    async run(store, at) {
      if (store.list === undefined) return
      const names = ['B/1.jws', 'a/1.jws', 'a/2.jws', 'ab']
      for (const name of names) await created(store, at(name), text(name))
      const keys = await listed(store.list(''))
      same(
        keys.filter((key) => key.startsWith(at(''))),
        names.map(at),
        'the keys of this row',
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
]

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n)

const sum = (bytes: Uint8Array): number =>
  bytes.reduce((total, byte, i) => (total + byte * (i + 1)) % 1e9, bytes.length)

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
