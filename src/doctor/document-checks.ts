/** Checks of a document store. Each is also a row of the port's suite; these need only the store and bounded requests. */
import type { Documents, Token } from '../store/documents.ts'
import type { At, StoreCheck } from './checks.ts'
import { checksOf, created, holds, listed, maxBytes, present, read, same, text } from './checks.ts'

type Run = StoreCheck<Documents>['run']
const [one, two, three] = [text('{"n":1}'), text('{"n":2}'), text('{"n":3}')]

/** Runs on a store where `a.jws` holds `one` under this token, and `b.jws` does not exist. */
type Question = (store: Documents, at: At, token: Token) => Promise<void>

const createOther: Question = async (store, at) =>
  same(await store.create(at('a.jws'), two), 'taken', 'a second create, of other bytes')

const swapMissing: Question = async (store, at, token) =>
  same(await store.swap(at('b.jws'), two, token), 'conflict', 'a swap of a missing document')

const swapStale: Question = async (store, at, token) => {
  same(await store.swap(at('a.jws'), two, token), 'ok', 'a swap')
  same(await store.swap(at('a.jws'), three, token), 'conflict', 'a second swap with the same token')
}

/** Checks one question, and what is stored afterwards. */
const asking =
  (question: Question, after: Uint8Array): Run =>
  async (store, at) => {
    await question(store, at, await created(store, at('a.jws'), one))
    await holds(store, at('a.jws'), after)
    same((await store.get(at('b.jws'), maxBytes))?.bytes, undefined, 'a document that nobody created')
  }

/**
 * Run before every publish: what makes a store unsafe for two publishers, or for one that lost an answer. 7 calls in
 * series, 100 bytes or less each; 10 requests over S3.
 */
export const essentials: Run = async (store, at) => {
  same((await store.get(at('a.jws'), maxBytes))?.bytes, undefined, 'a key that was never written')
  const token = await created(store, at('a.jws'), one)
  for (const question of [createOther, swapMissing, swapStale]) await question(store, at, token)
}

/** In each of 5 rounds: a store without atomic writes can pass one by chance, but not this many. */
const inRounds =
  (race: (store: Documents, key: string) => Promise<void>): Run =>
  async (store, at) => {
    for (let round = 0; round < 5; round++) await race(store, at(`${round}.jws`))
  }

const racing = <T>(racers: number, write: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: racers }, (_, n) => write(n)))

/** One of `racers` creates wins, and the others see that they lost. */
export const racingCreates = (racers: number): Run =>
  inRounds(async (store, key) => {
    const outcomes = await racing(racers, (n) => store.create(key, text(`create ${n}`)))
    const counts = ['created', 'taken', 'same'].map((kind) => outcomes.filter((outcome) => outcome === kind).length)
    same(counts, [1, racers - 1, 0], 'how many creates were created, taken, same')
    await holds(store, key, text(`create ${outcomes.indexOf('created')}`))
  })

/** One of `racers` swaps with the same token wins, and the others see that they lost. */
export const racingSwaps = (racers: number): Run =>
  inRounds(async (store, key) => {
    const token = await created(store, key, text('first'))
    const outcomes = await racing(racers, (n) => store.swap(key, text(`swap ${n}`), token))
    same(outcomes.filter((outcome) => outcome === 'ok').length, 1, 'how many swaps won')
    await holds(store, key, text(`swap ${outcomes.indexOf('ok')}`))
  })

/**
 * The first two check that the store can be read and written. Together 255 calls of 100 bytes or less, about 300 requests
 * over S3. Checks are independent and may run at once; the longest makes 42 calls in series.
 */
export const documentChecks = checksOf<Documents>({
  'a key that was never written is absent': {
    otherwise: 'no publish would get through: a missing document would look like a failed read',
    async run(store, at) {
      for (const name of ['catalog.jws', 'a/b/c/d/e.jws'])
        same((await store.get(at(name), maxBytes))?.bytes, undefined, `get ${name}`)
    },
  },
  'create stores the bytes': {
    otherwise: 'published releases would be missing',
    async run(store, at) {
      same(await store.create(at('a.jws'), one), 'created', 'create')
      await holds(store, at('a.jws'), one)
    },
  },
  'create with equal bytes is same': {
    otherwise: 'a publisher that lost an answer would take its own release for another publisher’s',
    async run(store, at) {
      await created(store, at('a.jws'), one)
      same(await store.create(at('a.jws'), one), 'same', 'the second create')
    },
  },
  'create with other bytes is taken and changes nothing': {
    otherwise: 'two publishers would both report success, and one release would be lost',
    run: asking(createOther, one),
  },
  'swap replaces the state that its token marks': {
    otherwise: 'the catalog would never change, and machines would never be offered a new release',
    async run(store, at) {
      let token = await created(store, at('a.jws'), one)
      for (const next of [two, one]) {
        same(await store.swap(at('a.jws'), next, token), 'ok', 'swap')
        await holds(store, at('a.jws'), next)
        token = (await read(store, at('a.jws'))).token
      }
    },
  },
  'swap with a stale token is a conflict and changes nothing': {
    otherwise:
      'of two writers of the catalog the later one would undo what the earlier one wrote: a release, or a hold',
    run: asking(swapStale, two),
  },
  'swap of a missing document is a conflict and creates none': {
    otherwise: 'a catalog that was removed would come back in an older state',
    run: asking(swapMissing, one),
  },
  'what is known is returned itself until the state is another one': {
    otherwise: 'servers would keep using a replaced catalog, or download it at every poll',
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
  'every get after an answered write sees it': {
    otherwise: 'a publisher could build on a replaced state, and servers could return to it',
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
  'of 8 racing creates exactly one wins': {
    otherwise: 'pipelines that publish at the same moment would silently lose releases',
    run: racingCreates(8),
  },
  'of 8 racing swaps exactly one wins': {
    otherwise: 'pipelines that publish at the same moment would overwrite each other’s catalog entries',
    run: racingSwaps(8),
  },
  'list gives the keys with the prefix, in byte order': {
    otherwise: '`platte verify` would overlook objects that no signed document names',
    when: (store) => store.list !== undefined,
    async run(store, at) {
      const names = ['b/1.jws', 'a/2.jws', 'a/1.jws', 'a-b/1.jws', 'a.jws', 'B/1.jws', 'a/10.jws', 'ab']
      await Promise.all(names.map((name) => created(store, at(name), text(name))))
      const inOrder = ['B/1.jws', 'a-b/1.jws', 'a.jws', 'a/1.jws', 'a/10.jws', 'a/2.jws', 'ab', 'b/1.jws'].map(at)
      const list = async (prefix: string) => listed(store.list?.(prefix))
      same(await list(at('')), inOrder, 'list all')
      same(await list(at('a/')), inOrder.slice(3, 6), 'list a/')
      same(await list(at('a/1')), inOrder.slice(3, 5), 'list a/1')
      same(await list(at('nothing/')), [], 'list of nothing')
    },
  },
  'folders names what holds keys': {
    otherwise: '`platte refresh` would overlook channels that the catalog does not name yet',
    when: (store) => store.list !== undefined,
    async run(store, at) {
      const names = ['b/1.jws', 'a/2.jws', 'a/1/x.jws', 'a-b/c/d/1.jws', 'a.jws', 'B/1.jws']
      await Promise.all(names.map((name) => created(store, at(name), text(name))))
      const folders = async (folder: string) => (await listed(store.folders?.(folder))).toSorted()
      same(await folders(at('')), ['B', 'a', 'a-b', 'b'], 'folders')
      same(await folders(at('a/')), ['1'], 'folders of a/')
      same(await folders(at('a-b/c/d/')), [], 'folders where only keys are')
      same(await folders(at('nothing/')), [], 'folders of nothing')
    },
  },
})
