/** The suite of the port `Packages`: what an operator's store is asked, and more. Every adapter passes every row; every lie in liars.ts fails one. */

import {
  bodyOf,
  claimOf,
  isAbsent,
  newContent,
  opened,
  packageChecks,
  readAll,
  size,
  stored,
} from '../../src/doctor/package-checks.ts'
import type { NewHasher } from '../../src/kernel/hasher.ts'
import type { ExpectedPackage, Packages } from '../../src/store/packages.ts'
import { badKeys, listed, present, type Row, refuses, same, sample } from './rows.ts'

const content = newContent()
const bigSize = 20_000_000

/** A body that breaks after its first bytes. */
function brokenBody(): ReadableStream<Uint8Array> {
  let pulls = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pulls++ < 2) controller.enqueue(content.slice(0, 1000))
      else controller.error(new Error('the line went dead'))
    },
  })
}

/** @param newHasher tells the rows what to expect; not the one under test where there is a choice. */
export function packageRows(newHasher: NewHasher): readonly Row<Packages>[] {
  const digests = async (bytes: Uint8Array) => {
    const hasher = newHasher()
    await hasher.update(bytes)
    return await hasher.digest()
  }
  const refusedBody = async (store: Packages, key: string, bytes: Uint8Array, claim: ExpectedPackage) => {
    await refuses(['mismatch'], 'put', () => store.put(key, bodyOf(bytes), claim))
    await isAbsent(store, key)
  }

  return [
    ...packageChecks,
    { name: 'a package that was never put is absent', run: (store, at) => isAbsent(store, at('os.gz')) },
    {
      name: 'put again is same, and cancels the body',
      async run(store, at) {
        await stored(store, at('os.gz'), content)
        let cancelled = false
        const body = new ReadableStream<Uint8Array>({
          cancel() {
            cancelled = true
          },
        })
        same(await store.put(at('os.gz'), body, await claimOf(content)), 'same', 'the second put')
        same(cancelled, true, 'the body was cancelled')
        same(await opened(store, at('os.gz')), content, 'the body')
      },
    },
    {
      name: 'a range outside of the package is refused',
      async run(store, at) {
        await stored(store, at('os.gz'), content)
        for (const [start, end] of [
          [0, size],
          [size, size],
          [5, 4],
          [-1, 4],
          [size + 10, size + 20],
        ] as const)
          await refuses(['bad-request'], `${start}-${end}`, () => store.open(at('os.gz'), { start, end }))
      },
    },
    {
      name: 'a short body is refused and leaves nothing',
      run: async (store, at) => refusedBody(store, at('os.gz'), content.slice(0, -1), await claimOf(content)),
    },
    {
      name: 'a long body is refused and leaves nothing',
      run: async (store, at) =>
        refusedBody(store, at('os.gz'), content, { size: size - 1, sha256: (await claimOf(content)).sha256 }),
    },
    {
      name: 'a body with another SHA-1 alone is refused and leaves nothing',
      run: async (store, at) =>
        refusedBody(store, at('os.gz'), content, { ...(await claimOf(content)), sha1: '0'.repeat(40) }),
    },
    {
      name: 'a body that breaks leaves nothing, and the next try succeeds',
      async run(store, at) {
        const claim = await claimOf(content)
        const broken = await store.put(at('os.gz'), brokenBody(), claim).catch(() => 'threw')
        same(broken, 'threw', 'put of a broken body')
        await isAbsent(store, at('os.gz'))
        await stored(store, at('os.gz'), content)
      },
    },
    {
      name: 'packages do not mix',
      async run(store, at) {
        const other = sample(500, 9)
        await stored(store, at('os.gz'), content)
        await stored(store, at('oem.gz'), other)
        same(await store.stat(at('os.gz')), { size }, 'stat')
        same(await store.stat(at('oem.gz')), { size: other.length }, 'stat of the other')
        same(await opened(store, at('os.gz')), content, 'the body')
      },
    },
    {
      name: 'an empty package is a package',
      async run(store, at) {
        await stored(store, at('empty'), new Uint8Array())
        const found = present(await store.open(at('empty')), 'open')
        same([found.size, (await readAll(found.body)).length], [0, 0], 'sizes')
      },
    },
    {
      name: 'racing puts of one package leave it whole',
      async run(store, at) {
        const claim = await claimOf(content)
        const outcomes = await Promise.all([1, 2, 3, 4].map(() => store.put(at('os.gz'), bodyOf(content), claim)))
        same(outcomes.includes('stored'), true, 'one of them stored it')
        same(await opened(store, at('os.gz')), content, 'the body')
      },
    },
    {
      name: 'a read that is cancelled ends',
      async run(store, at) {
        await stored(store, at('os.gz'), content)
        for (let n = 0; n < 5; n++) {
          const reader = present(await store.open(at('os.gz')), 'open').body.getReader()
          same((await reader.read()).done, false, 'the first read')
          await reader.cancel()
        }
        await present(await store.open(at('os.gz')), 'open').body.cancel()
        same(await opened(store, at('os.gz')), content, 'the body')
      },
    },
    {
      name: 'readers see a package as a whole or not at all while it is put',
      async run(store, at) {
        const putting = stored(store, at('os.gz'), content)
        for (let reads = 0; reads < 20; reads++) {
          const found = await store.open(at('os.gz'))
          if (found !== undefined) same(await readAll(found.body), content, 'the body')
        }
        await putting
      },
    },
    {
      name: 'staged bytes have their digests, and no key until they are kept',
      async run(store, at) {
        if (store.stage === undefined) return
        const staged = await store.stage(bodyOf(content))
        const { sha256, sha1 } = await digests(content)
        same([staged.size, staged.sha256, staged.sha1], [size, sha256, sha1], 'size and digests')
        await isAbsent(store, at('os.gz'))
        same(await staged.keep(at('os.gz')), 'stored', 'keep')
        same(await opened(store, at('os.gz')), content, 'the body')
        same(await (await store.stage(bodyOf(content))).keep(at('os.gz')), 'same', 'keep again')
        same(await opened(store, at('os.gz')), content, 'the body afterwards')
      },
    },
    {
      name: 'staged bytes that are discarded leave nothing',
      async run(store, at) {
        if (store.stage === undefined) return
        await (await store.stage(bodyOf(content))).discard()
        const broken = await store.stage(brokenBody()).catch(() => 'threw')
        same(broken, 'threw', 'stage of a broken body')
        if (store.list !== undefined) same(await listed(store.list(at(''))), [], 'list')
      },
    },
    {
      name: 'a big package streams through',
      async run(store, at) {
        const big = sample(bigSize, 11)
        const claim = await claimOf(big)
        same(await store.put(at('big.gz'), bodyOf(big, 500_009), claim), 'stored', 'put')
        const found = present(await store.open(at('big.gz')), 'open')
        const hasher = newHasher()
        for (const reader = found.body.getReader(); ; ) {
          const { done, value } = await reader.read()
          if (done) break
          await hasher.update(value)
        }
        same([found.size, (await hasher.digest()).sha256], [bigSize, claim.sha256], 'what came back')
        await store.remove(at('big.gz'))
      },
    },
    {
      name: 'a key that leaves the store, or that nothing builds, is refused',
      async run(store) {
        const claim = await claimOf(content)
        for (const key of badKeys) {
          const name = JSON.stringify(key.slice(0, 40))
          await refuses(['bad-request'], `open ${name}`, () => store.open(key))
          await refuses(['bad-request'], `stat ${name}`, () => store.stat(key))
          await refuses(['bad-request'], `remove ${name}`, () => store.remove(key))
          await refuses(['bad-request'], `put ${name}`, () => store.put(key, bodyOf(content), claim))
        }
      },
    },
    {
      name: 'list gives the keys with the prefix, in byte order',
      async run(store, at) {
        if (store.list === undefined) return
        for (const name of ['b/os.gz', 'a/os.gz', 'a/oem.gz', 'a-b/os.gz']) await stored(store, at(name), content)
        const inOrder = ['a-b/os.gz', 'a/oem.gz', 'a/os.gz', 'b/os.gz'].map(at)
        same(await listed(store.list(at(''))), inOrder, 'list all')
        same(await listed(store.list(at('a/o'))), inOrder.slice(1, 3), 'list a/o')
      },
    },
  ]
}
