/** What `platte doctor` finds out about a store, and which stores nothing is published to. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { documentChecks } from '../../src/doctor/document-checks.ts'
import { type Diagnosis, examine, refuseUnsafe, type StoreUnderTest } from '../../src/doctor/examine.ts'
import { packageChecks } from '../../src/doctor/package-checks.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { type ErrorCode, PlatteError } from '../../src/kernel/errors.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { folderPackages } from '../../src/store/folder/packages.ts'
import { documentLiars, type Liar, packageLiars } from '../conformance/liars.ts'
import { listed } from '../conformance/rows.ts'
import { faultsOf, faultyDocuments, faultyPackages } from '../faults/faulty.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { newStore, seeded } from '../world.ts'

const honest = (): StoreUnderTest => ({
  documents: memoryDocuments(),
  packages: memoryPackages(nodeHasher),
  random: systemRandom,
})

/** A store in which a removed key is gone from documents and packages alike, as in every bucket. */
async function newBucket() {
  const { bucket, packages } = await newStore()
  const remove = async (key: string): Promise<void> => {
    bucket.erase(key)
    await packages.remove(key)
  }
  const keys = async (): Promise<string[]> => [
    ...(await listed(bucket.list(''))),
    ...(packages.list ? await listed(packages.list('')) : []),
  ]
  return { documents: bucket as Documents, packages: { ...packages, remove }, random: seeded(7), keys }
}

const refusing = (code: ErrorCode) => async (): Promise<never> => {
  throw new PlatteError(code, 'the store says no')
}

const outcomes = ({ findings }: Diagnosis): string[] => [...new Set(findings.map(({ outcome }) => outcome))]

describe('an honest store is fit', () => {
  test('every check runs and passes', async () => {
    const diagnosis = await examine(honest())
    expect(diagnosis).toMatchObject({ verdict: 'fit', left: { keys: [] } })
    expect(outcomes(diagnosis)).toEqual(['holds'])
    expect(diagnosis.findings).toHaveLength(documentChecks.length + packageChecks.length)
  })

  test('nothing is left behind', async () => {
    const bucket = await newBucket()
    const before = await bucket.keys()
    expect(await examine(bucket)).toMatchObject({ verdict: 'fit' })
    expect(await bucket.keys()).toEqual(before)
  })

  test('a store without lists skips the checks of lists', async () => {
    const { list: _, folders: __, ...documents } = memoryDocuments()
    const diagnosis = await examine({ ...honest(), documents })
    expect(diagnosis.verdict).toBe('fit')
    expect(diagnosis.findings).toHaveLength(documentChecks.length + packageChecks.length - 2)
  })

  test('makes at most the calls that the checks declare', async () => {
    const faults = faultsOf()
    const { documents, packages, random } = honest()
    await examine({ documents: faultyDocuments(documents, faults), packages: faultyPackages(packages, faults), random })
    const removed = faults.calls.filter((call) => call.startsWith('remove')).length
    expect(faults.calls.length - removed).toBeLessThanOrEqual(255 + 19)
    expect(removed).toBeLessThanOrEqual(40)
  })
})

describe('a store that breaks its contract is not fit', () => {
  const request = <Store>(liars: readonly Liar<Store>[], checks: readonly { readonly name: string }[]) =>
    liars.filter(([, row]) => checks.some(({ name }) => name === row))

  test.each(request(documentLiars, documentChecks))('%s', async (lie, row, open) => {
    const { verdict, findings } = await examine({ ...honest(), documents: open() })
    // From outside this one cannot be told from an identity without permission.
    expect(verdict).toBe(lie === 'what is absent is an error' ? 'unknown' : 'unfit')
    expect(findings.find(({ check }) => check === row)?.outcome).not.toBe('holds')
  })

  test.each(request(packageLiars, packageChecks))('%s', async (_, row, open) => {
    const { verdict, findings } = await examine({ ...honest(), packages: open() })
    expect(verdict).toBe('unfit')
    expect(findings.find(({ check }) => check === row)).toMatchObject({ outcome: 'broken' })
  })

  test('every check detects its liar', () => {
    const found = new Set([...documentLiars, ...packageLiars].map(([, row]) => row))
    expect([...documentChecks, ...packageChecks].map(({ name }) => name).filter((name) => !found.has(name))).toEqual([])
  })

  test('the report has the finding and its consequence, and nothing is left behind', async () => {
    const bucket = await newBucket()
    const before = await bucket.keys()
    const { findings } = await examine({ ...bucket, documents: ignoringConditions(bucket.documents) })
    expect(findings.filter(({ outcome }) => outcome === 'broken')).toContainEqual({
      check: 'create with other bytes is taken and changes nothing',
      outcome: 'broken',
      problem: 'a second create, of other bytes: got "created", want "taken"',
      otherwise: expect.stringContaining('both report success'),
    })
    expect(await bucket.keys()).toEqual(before)
  })
})

/** As Google's S3 interface does. */
const ignoringConditions = (documents: Documents): Documents => {
  const write = async (key: string, bytes: Uint8Array): Promise<void> => {
    const there = await documents.get(key, 1e6)
    if (there === undefined) await documents.create(key, bytes)
    else await documents.swap(key, bytes, there.token)
  }
  return {
    ...documents,
    async create(key, bytes) {
      await write(key, bytes)
      return 'created'
    },
    async swap(key, bytes) {
      await write(key, bytes)
      return 'ok'
    },
  }
}

describe('a store that does not answer is inconclusive', () => {
  test.each<[string, Partial<Documents>, asked: number, object]>([
    ['it is not there', { get: refusing('store-unavailable') }, 1, { code: 'store-unavailable' }],
    ['what is absent is refused', { get: refusing('forbidden') }, 1, { code: 'forbidden' }],
    [
      'this identity may not write',
      { create: refusing('forbidden') },
      2,
      { code: 'forbidden', hint: expect.stringContaining('doctor/') },
    ],
    ['it fails later', { swap: refusing('store-unavailable') }, 17, { code: 'store-unavailable' }],
  ])('%s', async (_, broken, request, finding) => {
    const patient = honest()
    const diagnosis = await examine({ ...patient, documents: { ...patient.documents, ...broken } })
    expect(diagnosis.verdict).toBe('unknown')
    expect(diagnosis.findings).toHaveLength(request)
    expect(diagnosis.findings.find(({ outcome }) => outcome === 'unknown')).toMatchObject(finding)
  })

  test('a read-only store is reported as such', async () => {
    const patient = honest()
    const documents = { ...patient.documents, create: refusing('refused') }
    const packages = { ...patient.packages, remove: refusing('refused') }
    expect(await examine({ ...patient, documents, packages })).toMatchObject({
      verdict: 'read-only',
      left: { keys: [] },
    })
  })

  test('a write that lands after its check failed is removed, too', async () => {
    const bucket = await newBucket()
    const before = await bucket.keys()
    const late = Promise.withResolvers<void>()
    let raced: string | undefined
    let racers = 0
    const documents: Documents = {
      ...bucket.documents,
      async create(key, bytes) {
        if (key.endsWith('/0.jws')) raced ??= key
        if (key !== raced) return bucket.documents.create(key, bytes)
        racers += 1
        if (racers === 1) throw new PlatteError('store-unavailable', 'slow down')
        await late.promise
        return bucket.documents.create(key, bytes)
      },
    }
    setTimeout(late.resolve, 200)
    expect(await examine({ ...bucket, documents })).toMatchObject({ verdict: 'unknown' })
    await late.promise
    await new Promise((done) => setTimeout(done))
    expect(racers).toBe(8)
    expect(await bucket.keys()).toEqual(before)
  })

  test('a defect is thrown, and scratch objects are removed', async () => {
    const bucket = await newBucket()
    const before = await bucket.keys()
    const documents = { ...bucket.documents, swap: () => Promise.reject(new TypeError('a defect')) }
    await expect(examine({ ...bucket, documents })).rejects.toThrow('a defect')
    expect(await bucket.keys()).toEqual(before)
  })
})

test('an identity without delete permission can publish; objects left behind are listed', async () => {
  const bucket = await newBucket()
  const packages = { ...bucket.packages, remove: refusing('forbidden') }
  const { verdict, findings, left } = await examine({ ...bucket, packages })
  expect(verdict).toBe('fit')
  expect(findings.filter(({ outcome }) => outcome !== 'holds')).toMatchObject([
    { check: 'a removed package is absent, and removing nothing is no error', outcome: 'spared' },
  ])
  const stay = (await bucket.keys()).filter((key) => key.startsWith('doctor/'))
  expect(left.problem).toBe('the store says no')
  expect(left.keys).toEqual(expect.arrayContaining(stay))
})

describe('before a publish', () => {
  const log: LogEntry[] = []
  const guarded = (patient: StoreUnderTest) => refuseUnsafe({ ...patient, log: (entry) => void log.push(entry) })
  beforeEach(() => {
    log.length = 0
  })

  test('an honest store passes in 7 calls and 2 for cleanup', async () => {
    const bucket = await newBucket()
    const before = await bucket.keys()
    const faults = faultsOf()
    const { documents, packages, random } = bucket
    await guarded({
      documents: faultyDocuments(documents, faults),
      packages: faultyPackages(packages, faults),
      random,
    })
    expect(faults.calls.map((call) => call.replace(/doctor\/[^/]+/, '…'))).toEqual([
      'get …/0/a.jws',
      'create …/0/a.jws',
      'get …/0/a.jws',
      'create …/0/a.jws',
      'swap …/0/b.jws',
      'swap …/0/a.jws',
      'swap …/0/a.jws',
      'remove …/0/a.jws',
      'remove …/0/b.jws',
    ])
    expect(await bucket.keys()).toEqual(before)
    expect(log).toEqual([])
  })

  const essential =
    /^(create always|create overwrites|swap ignores|swap takes|swap makes|a lost swap|what is absent is empty)/
  test.each(documentLiars.filter(([lie]) => essential.test(lie)))(
    'a store is refused where %s',
    async (_, __, open) => {
      const refused = guarded({ ...honest(), documents: open() })
      await expect(refused).rejects.toMatchObject({
        code: 'refused',
        message: expect.stringMatching(/^this store is not safe to publish to: .*got .*want /),
        hint: expect.stringContaining('platte doctor'),
      })
    },
  )

  test('a store that ignores conditions is refused, and nothing is left behind', async () => {
    const bucket = await newBucket()
    const before = await bucket.keys()
    await expect(guarded({ ...bucket, documents: ignoringConditions(bucket.documents) })).rejects.toMatchObject({
      code: 'refused',
    })
    expect(await bucket.keys()).toEqual(before)
  })

  test.each<ErrorCode>(['forbidden', 'store-unavailable', 'refused'])('%s is said as it is', async (code) => {
    const documents = { ...memoryDocuments(), create: refusing(code) }
    await expect(guarded({ ...honest(), documents })).rejects.toMatchObject({ code, message: 'the store says no' })
  })

  test('an identity without delete permission publishes, with a warning', async () => {
    const bucket = await newBucket()
    await guarded({ ...bucket, packages: { ...bucket.packages, remove: refusing('forbidden') } })
    expect(log).toMatchObject([
      { level: 'warn', problem: expect.stringMatching(/^doctor\/.* stays: the store says no$/) },
    ])
  })
})

describe('a folder', () => {
  let root = ''
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'platte-doctor-'))
  })
  afterEach(() => rm(root, { recursive: true }))

  const folder = (path = root): StoreUnderTest => ({
    documents: folderDocuments(path, { clock: systemClock }),
    packages: folderPackages(path, { clock: systemClock, newHasher: nodeHasher }),
    random: systemRandom,
  })
  const log = () => {}

  test('is fit, also with concurrent doctors, and is left unchanged', async () => {
    const text = new TextEncoder().encode('{}')
    await folder().documents.create('apps/a/stable/0000000001.jws', text)
    const before = await readdir(root, { recursive: true })
    const all = await Promise.all([
      ...[1, 2, 3].map(() => examine(folder())),
      ...[1, 2, 3, 4, 5].map(() => refuseUnsafe({ ...folder(), log })),
    ])
    expect(all.slice(0, 3)).toMatchObject([{ verdict: 'fit' }, { verdict: 'fit' }, { verdict: 'fit' }])
    expect(await readdir(root, { recursive: true })).toEqual(before)
  })

  test('is not created if it does not exist', async () => {
    const path = join(root, 'not-mounted')
    expect(await examine(folder(path))).toMatchObject({ verdict: 'unknown' })
    await expect(refuseUnsafe({ ...folder(path), log })).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(await readdir(root)).toEqual([])
  })
})
