/**
 * What a store of documents is asked before it may hold channels. Every check is a row of the port's suite as well, which
 * asks adapters some more; what stands here needs nothing but the store, and a bounded number of requests.
 */
import type { Documents, Token } from '../store/documents.ts'
import { type At, created, holds, listed, maxBytes, present, read, type StoreCheck, same, text } from './checks.ts'
import { raceChecks } from './race-checks.ts'

const [one, two, three] = [text('{"n":1}'), text('{"n":2}'), text('{"n":3}')]

/** Asks something of a store where `a.jws` holds `one` under this token, and `b.jws` is not there. */
type Question = (store: Documents, at: At, token: Token) => Promise<void>

const createOther: Question = async (store, at) =>
  same(await store.create(at('a.jws'), two), 'taken', 'a second create, of other bytes')

const swapMissing: Question = async (store, at, token) =>
  same(await store.swap(at('b.jws'), two, token), 'conflict', 'a swap of what is not there')

const swapStale: Question = async (store, at, token) => {
  same(await store.swap(at('a.jws'), two, token), 'ok', 'a swap')
  same(await store.swap(at('a.jws'), three, token), 'conflict', 'a second swap with the same token')
}

/** A check of one question, and of what is stored afterwards. */
const asking =
  (question: Question, after: Uint8Array): StoreCheck<Documents>['run'] =>
  async (store, at) => {
    await question(store, at, await created(store, at('a.jws'), one))
    await holds(store, at('a.jws'), after)
    same((await store.get(at('b.jws'), maxBytes))?.bytes, undefined, 'a document that nobody created')
  }

/**
 * What makes a store unsafe for two publishers, and for one whose answer was lost: asked before every publish. 7 calls
 * one after the other, of 100 bytes and less; over S3 these are 10 requests.
 */
export const essentials: StoreCheck<Documents>['run'] = async (store, at) => {
  same((await store.get(at('a.jws'), maxBytes))?.bytes, undefined, 'a key that was never written')
  const token = await created(store, at('a.jws'), one)
  for (const question of [createOther, swapMissing, swapStale]) await question(store, at, token)
}

/**
 * The first two ask whether the store can be read and written at all. Together 255 calls, of 100 bytes and less: some 300
 * requests over S3. Each check is by itself, so all may be asked at once; the longest takes 42 calls one after the other.
 */
export const documentChecks: readonly [StoreCheck<Documents>, StoreCheck<Documents>, ...StoreCheck<Documents>[]] = [
  {
    name: 'a key that was never written is absent',
    otherwise: 'nothing could tell what is not published yet from what cannot be read: no publish would get through',
    async run(store, at) {
      for (const name of ['catalog.jws', 'a/b/c/d/e.jws'])
        same((await store.get(at(name), maxBytes))?.bytes, undefined, `get ${name}`)
    },
  },
  {
    name: 'create stores the bytes',
    otherwise: 'what was published would not be there',
    async run(store, at) {
      same(await store.create(at('a.jws'), one), 'created', 'create')
      await holds(store, at('a.jws'), one)
    },
  },
  {
    name: 'create with equal bytes is same',
    otherwise: 'a publisher whose answer was lost would take its own release for that of somebody else',
    async run(store, at) {
      await created(store, at('a.jws'), one)
      same(await store.create(at('a.jws'), one), 'same', 'the second create')
    },
  },
  {
    name: 'create with other bytes is taken and changes nothing',
    otherwise: 'two publishers would both be told that they committed, and the release of one would be gone',
    run: asking(createOther, one),
  },
  {
    name: 'swap replaces the state that its token marks',
    otherwise: 'the catalog would stay what it is, and machines would never be offered what was published',
    async run(store, at) {
      let token = await created(store, at('a.jws'), one)
      for (const next of [two, one]) {
        same(await store.swap(at('a.jws'), next, token), 'ok', 'swap')
        await holds(store, at('a.jws'), next)
        token = (await read(store, at('a.jws'))).token
      }
    },
  },
  {
    name: 'swap with a stale token is a conflict and changes nothing',
    otherwise:
      'of two writers of the catalog the later one would undo what the earlier one wrote: a release, or a hold',
    run: asking(swapStale, two),
  },
  {
    name: 'swap of a document that is not there is a conflict and makes none',
    otherwise: 'a catalog that somebody removed would come back as whoever was writing it remembers it',
    run: asking(swapMissing, one),
  },
  {
    name: 'what is known is returned itself until the state is another one',
    otherwise: 'servers would go on with a catalog that was replaced, or fetch it whole at every look',
    async run(store, at) {
      const token = await created(store, at('a.jws'), one)
      const known = { token, made: 'of it' }
      same((await store.get(at('a.jws'), maxBytes, known)) === known, true, 'the known one comes back')
      same(await store.swap(at('a.jws'), two, token), 'ok', 'swap')
      const next = present(await store.get(at('a.jws'), maxBytes, known), 'get after a swap')
      same('bytes' in next ? next.bytes : 'the known one', two, 'the bytes after a swap')
      same(await store.get(at('b.jws'), maxBytes, known), undefined, 'another key')
    },
  },
  {
    name: 'every get after an answered write sees it',
    otherwise: 'a publisher could build on a state that was replaced, and servers could go back to it',
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
  ...raceChecks,
  {
    name: 'list gives the keys with the prefix, in byte order',
    otherwise: 'verify would overlook what nothing signed accounts for',
    when: (store) => store.list !== undefined,
    async run(store, at) {
      const names = ['b/1.jws', 'a/2.jws', 'a/1.jws', 'a-b/1.jws', 'a.jws', 'B/1.jws', 'a/10.jws', 'ab']
      await Promise.all(names.map((name) => created(store, at(name), text(name))))
      const inOrder = ['B/1.jws', 'a-b/1.jws', 'a.jws', 'a/1.jws', 'a/10.jws', 'a/2.jws', 'ab', 'b/1.jws'].map(at)
      const list = async (prefix: string) => listed(store.list?.(prefix) ?? nothing())
      same(await list(at('')), inOrder, 'list all')
      same(await list(at('a/')), inOrder.slice(3, 6), 'list a/')
      same(await list(at('a/1')), inOrder.slice(3, 5), 'list a/1')
      same(await list(at('nothing/')), [], 'list of nothing')
    },
  },
  {
    name: 'folders names what holds keys',
    otherwise: 'refresh would overlook channels that the catalog does not name yet',
    when: (store) => store.list !== undefined,
    async run(store, at) {
      const names = ['b/1.jws', 'a/2.jws', 'a/1/x.jws', 'a-b/c/d/1.jws', 'a.jws', 'B/1.jws']
      await Promise.all(names.map((name) => created(store, at(name), text(name))))
      const folders = async (folder: string) => (await listed(store.folders?.(folder) ?? nothing())).toSorted()
      same(await folders(at('')), ['B', 'a', 'a-b', 'b'], 'folders')
      same(await folders(at('a/')), ['1'], 'folders of a/')
      same(await folders(at('a-b/c/d/')), [], 'folders where only keys are')
      same(await folders(at('nothing/')), [], 'folders of nothing')
    },
  },
]

async function* nothing(): AsyncIterable<string> {}
