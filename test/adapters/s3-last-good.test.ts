/** A server whose bucket fails goes on with the last good catalog until that expires, and asks no more often for it. */
import { afterEach, expect, test, vi } from 'vitest'
import { catalogKey } from '../../src/documents/paths.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { type Fault, type StrictS3, startS3 } from '../s3/server.ts'
import { ask, day, newReader, newStore, publishOne } from '../world.ts'

const secrets = { secretAccessKey: 'canary/secret+access+key', sessionToken: 'canary//session+token==' }
afterEach(() => vi.unstubAllEnvs())

type Fail = (s3: StrictS3) => unknown
const fault =
  (kind: Fault): Fail =>
  (s3) =>
    Object.assign(s3, { fault: () => kind })

test.each<[name: string, fail: Fail, patienceMs?: number]>([
  ['no bucket any more', (s3) => Object.assign(s3, { isGone: true })],
  ['denied reads', (s3) => s3.denied.add('s3:GetObject')],
  ['wrong credentials', (s3) => Object.assign(s3, { secretAccessKey: 'rotated' })],
  ['clock skew', (s3) => Object.assign(s3, { skewMs: 20 * 60_000 })],
  ['503 SlowDown', fault('slow-down')],
  ['500', fault('error')],
  ['a reset connection', fault('reset')],
  ['a truncated body', fault('truncated')],
  ['one longer than announced', fault('longer')],
  ['something else that answers', fault('page')],
  ['no answer', fault('hang'), 400],
  ['half an answer', fault('stalls'), 400],
])('%s', async (name, fail, patienceMs) => {
  const s3 = await startS3(secrets)
  try {
    useCredentials(s3)
    const opened = await openStrict(s3, patienceMs === undefined ? {} : { patienceMs })
    const store = await newStore({ documents: s3Documents(opened), packages: s3Packages(opened, nodeHasher) })
    await publishOne(store, '2')
    const reader = newReader(store)
    expect(await ask(reader)).toBe('update 2')
    // Read anew, so that there is a body that can be cut.
    s3.bucket.put(`here/${catalogKey}`, Buffer.from('{}'), { ifMatch: undefined, ifNoneMatch: undefined })
    fail(s3)
    s3.seen.length = 0
    store.log.length = 0
    for (const hours of [0.1, 1, 24, 12 * 24]) {
      store.time.now += hours * 3_600_000
      const before = s3.seen.length
      expect(await Promise.all([ask(reader), ask(reader), ask(reader)])).toEqual(['update 2', 'update 2', 'update 2'])
      expect(s3.seen.length - before).toBeLessThanOrEqual(6)
    }
    store.time.now += 2 * day
    expect(await ask(reader)).toBe('catalog-expired')
    const problems = store.log.filter(({ event }) => event === 'catalog').map(({ message }) => message)
    expect(problems.length).toBe(5)
    for (const problem of problems)
      expect(problem).toMatch(name === 'one longer than announced' ? /is not JSON/ : /PLATTE_STORE/)
    expect(JSON.stringify(store.log)).not.toContain('canary')
  } finally {
    await s3.close()
  }
})
