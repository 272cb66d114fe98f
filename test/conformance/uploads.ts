/** The suite of the port `Uploads`. Every adapter passes every row; every lie in liars.ts fails one. */

import { bodyOf, readAll } from '../../src/doctor/package-checks.ts'
import type { Part, Uploads, UploadToken } from '../../src/store/uploads.ts'
import { type Row, refuses, same, sample } from './rows.ts'

const hour = 3_600_000

/** Sends a part by the way that the store has. @returns `gone` where there is no such upload. */
async function sendPart(
  store: Uploads,
  upload: UploadToken,
  { number, bytes }: { readonly number: number; readonly bytes: Uint8Array },
): Promise<'stored' | 'gone'> {
  const part = { number, size: bytes.length }
  if (store.putPart) return await store.putPart(upload, part, bodyOf(bytes, 400_009))
  const answer = await put(await urlOf(store, upload, part), bytes)
  return answer.ok ? 'stored' : 'gone'
}

const urlOf = async (store: Uploads, upload: UploadToken, part: Part): Promise<string> =>
  (await store.partUrl?.(upload, part)) ?? ''

const put = (url: string, bytes: Uint8Array): Promise<Response> =>
  fetch(url, { method: 'PUT', body: bytes.slice() as Uint8Array<ArrayBuffer> })

const first = (store: Uploads): Uint8Array => sample(store.partBytes, 3)
const last = sample(70_001, 4)

async function wholeOf(store: Uploads, upload: UploadToken): Promise<Uint8Array | undefined> {
  const found = await store.open(upload)
  if (found === undefined) return undefined
  const bytes = await readAll(found.body)
  same(bytes.length, found.size, 'the size that was announced')
  return bytes
}

/** Two parts, the last one first. */
async function sendBoth(store: Uploads, upload: UploadToken): Promise<Uint8Array> {
  same(await sendPart(store, upload, { number: 2, bytes: last }), 'stored', 'the last part')
  same(await sendPart(store, upload, { number: 1, bytes: first(store) }), 'stored', 'the first part')
  return new Uint8Array([...first(store), ...last])
}

export const uploadRows: readonly Row<Uploads>[] = [
  {
    name: 'an upload that was begun has no parts, and no bytes',
    async run(store) {
      const upload = await store.begin()
      same(upload.length <= 2000, true, 'the length of the token')
      same(await store.parts(upload), [], 'parts')
      same(await wholeOf(store, upload), undefined, 'open')
      await store.discard(upload)
    },
  },
  {
    name: 'parts in any order become the whole, once it is completed',
    async run(store) {
      const upload = await store.begin()
      same(await sendPart(store, upload, { number: 2, bytes: last }), 'stored', 'the last part')
      same(await store.parts(upload), [{ number: 2, size: last.length }], 'parts after one')
      same(await wholeOf(store, upload), undefined, 'open before it is complete')
      const bytes = await sendBoth(store, upload)
      const sizes = [
        { number: 1, size: store.partBytes },
        { number: 2, size: last.length },
      ]
      same(await store.parts(upload), sizes, 'parts after both')
      await store.complete(upload)
      same(await wholeOf(store, upload), bytes, 'the whole')
      same(await store.parts(upload), 'whole', 'parts of what is complete')
      await store.discard(upload)
    },
  },
  {
    name: 'completing again changes nothing',
    async run(store) {
      const upload = await store.begin()
      await sendPart(store, upload, { number: 1, bytes: last })
      await Promise.all([store.complete(upload), store.complete(upload)])
      await store.complete(upload)
      same(await wholeOf(store, upload), last, 'the whole')
      await store.discard(upload)
    },
  },
  {
    name: 'a part that is sent again replaces the one before',
    async run(store) {
      const upload = await store.begin()
      await sendPart(store, upload, { number: 1, bytes: sample(5, 1) })
      await sendPart(store, upload, { number: 1, bytes: last })
      same(await store.parts(upload), [{ number: 1, size: last.length }], 'parts')
      await store.complete(upload)
      same(await wholeOf(store, upload), last, 'the whole')
      await store.discard(upload)
    },
  },
  {
    name: 'one part that many send at once is there, and can be completed by sending it once more',
    async run(store) {
      const upload = await store.begin()
      const sent = await Promise.all([1, 2, 3, 4].map(() => sendPart(store, upload, { number: 1, bytes: last })))
      same(sent, ['stored', 'stored', 'stored', 'stored'], 'what they were told')
      await sendPart(store, upload, { number: 1, bytes: last })
      await store.complete(upload)
      same(await wholeOf(store, upload), last, 'the whole')
      await store.discard(upload)
    },
  },
  {
    name: 'a part that is longer or shorter than announced is refused, and leaves nothing',
    async run(store) {
      const upload = await store.begin()
      for (const size of [last.length - 1, last.length + 1]) {
        const { putPart } = store
        if (putPart) await refuses(['bad-request'], `${size}`, () => putPart(upload, { number: 1, size }, bodyOf(last)))
        else same((await put(await urlOf(store, upload, { number: 1, size }), last)).ok, false, `${size}`)
      }
      same(await store.parts(upload), [], 'parts')
      await store.discard(upload)
    },
  },
  {
    name: 'a part that breaks off leaves nothing, and the next try succeeds',
    when: ({ putPart }) => putPart !== undefined,
    async run(store) {
      const upload = await store.begin()
      let pulls = 0
      const broken = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (pulls++ < 2) controller.enqueue(last.slice(0, 1000))
          else controller.error(new Error('the line went dead'))
        },
      })
      const part = { number: 1, size: last.length }
      same(await store.putPart?.(upload, part, broken).catch(() => 'threw'), 'threw', 'a broken body')
      same(await store.parts(upload), [], 'parts')
      same(await sendPart(store, upload, { number: 1, bytes: last }), 'stored', 'the next try')
      await store.discard(upload)
    },
  },
  {
    name: 'uploads do not mix',
    async run(store) {
      const [one, other] = [await store.begin(), await store.begin()]
      same(one === other, false, 'whether two have one name')
      await sendPart(store, one, { number: 1, bytes: last })
      same(await store.parts(other), [], 'parts of the other')
      await store.discard(other)
      await store.complete(one)
      same(await wholeOf(store, one), last, 'the whole')
      await store.discard(one)
    },
  },
  {
    name: 'what is discarded is gone, in every state, and discarding again is no error',
    async run(store) {
      for (const isComplete of [false, true]) {
        const upload = await store.begin()
        await sendPart(store, upload, { number: 1, bytes: last })
        if (isComplete) await store.complete(upload)
        await store.discard(upload)
        await store.discard(upload)
        same(await store.parts(upload), undefined, 'parts')
        same(await wholeOf(store, upload), undefined, 'open')
        same(await sendPart(store, upload, { number: 2, bytes: last }), 'gone', 'a part')
        await refuses(['conflict'], 'complete', () => store.complete(upload))
        same(await store.parts(upload), undefined, 'parts afterwards')
      }
    },
  },
  {
    name: 'a part that comes after completion changes nothing',
    async run(store) {
      const upload = await store.begin()
      await sendPart(store, upload, { number: 1, bytes: last })
      await store.complete(upload)
      same(await sendPart(store, upload, { number: 1, bytes: sample(last.length, 9) }), 'gone', 'a part')
      same(await wholeOf(store, upload), last, 'the whole')
      await store.discard(upload)
    },
  },
  {
    name: 'a list of more parts than one page has is whole',
    async run(store) {
      const upload = await store.begin()
      const bytes = sample(3000, 5)
      for (const number of [1, 2, 3, 4, 5, 6, 7]) await sendPart(store, upload, { number, bytes })
      const numbers = await store.parts(upload)
      same(numbers === 'whole' ? numbers : numbers?.map(({ number }) => number), [1, 2, 3, 4, 5, 6, 7], 'parts')
      await store.discard(upload)
    },
  },
  {
    name: 'uploads that were begun before a time are found, until they are discarded',
    when: ({ unfinished }) => unfinished !== undefined,
    async run(store) {
      const listed = async (before: number) => {
        const found: string[] = []
        for await (const token of store.unfinished?.(before) ?? []) found.push(token)
        return found
      }
      const uploads = [await store.begin(), await store.begin(), await store.begin(), await store.begin()]
      const now = Date.now()
      const old = await listed(now - hour)
      const all = await listed(now + hour)
      for (const upload of uploads) same([old.includes(upload), all.includes(upload)], [false, true], 'found')
      for (const upload of uploads) await store.discard(upload)
      const left = await listed(now + hour)
      for (const upload of uploads) same(left.includes(upload), false, 'found afterwards')
    },
  },
  {
    name: 'what is no token of this store is refused',
    async run(store) {
      for (const token of ['', '..', '../packages', '.', 'x'.repeat(3000)]) {
        const found = await store.parts(token).catch(({ code }) => code)
        same(found === undefined || found === 'bad-document', true, JSON.stringify(token.slice(0, 20)))
      }
    },
  },
]
