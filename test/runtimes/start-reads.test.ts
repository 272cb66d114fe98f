import { expect, test } from 'vitest'
import { loadCatalog } from '../../src/catalog/read.ts'
import { rotateKey } from '../../src/catalog/rotate.ts'
import { type Publisher, publish } from '../../src/channels/publish.ts'
import { catalogKey, rootKey } from '../../src/documents/paths.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { type Served, serveWith } from '../../src/runtime/server.ts'
import { openDeployment } from '../../src/runtime/serverless.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import type { Documents } from '../../src/store/documents.ts'
import { formatPin } from '../../src/trust/verify-root.ts'
import { bodyOf } from '../protocol/samples.ts'
import { keys, newKey, newStore, orderOf } from '../world.ts'

/** Counts reads that have to wait for another one. A read takes a turn of the event loop, so those of one turn are one round. */
function countingRounds(documents: Documents) {
  const seen = { rounds: 0, ended: 0 }
  const get: Documents['get'] = async (key, maxBytes, known) => {
    const round = seen.ended + 1
    seen.rounds = Math.max(seen.rounds, round)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const found = await documents.get(key, maxBytes, known)
    seen.ended = Math.max(seen.ended, round)
    return found
  }
  return { seen, documents: { ...documents, get } }
}

const check = () =>
  new Request('http://127.0.0.1/v1/update/', { method: 'POST', body: bodyOf('updatecheck-scheduled-steady-state') })

async function published() {
  const { publisher } = await newStore()
  await publish(publisher, orderOf('5000', { channel: 'beta' }))
  const { seen, documents } = countingRounds(publisher.documents)
  return { seen, publisher: { ...publisher, documents, timestamp: [] } }
}

const settings = { explain: 'off', host: '127.0.0.1', port: 0, store: { kind: 'file', dir: '/nonexistent' } } as const

/** Starts a server, and asks it once. */
async function firstAnswer(publisher: Publisher) {
  let served: Served | undefined
  const listen = async (_: object, make: (port: number) => Served) => {
    served = make(1)
    return { url: 'http://127.0.0.1:1', stop: async () => {} }
  }
  const { stop } = await serveWith(listen, { ...settings, pin: publisher.pin }, publisher)
  const answer = await (await served?.fetch(check()))?.text()
  await stop()
  return answer
}

/** Roots 2 and 3 replace the timestamp key. The pin stays at 1. */
async function rotated(publisher: Publisher) {
  const { jwk, ...fresh } = await newKey('EdDSA')
  const writer = { ...publisher, timestamp: [...keys.timestamp, { jwk, ...fresh }] }
  await rotateKey(writer, { role: 'timestamp', key: jwk }, keys.root)
}

test('a server reads its store in two rounds until its first answer', async () => {
  const { seen, publisher } = await published()
  expect(await firstAnswer(publisher)).toContain('<manifest version="5000">')
  expect(seen.rounds).toBe(2)
})

test('with rotated roots it reads one round more, walks from the pin, and offers', async () => {
  const { seen, publisher } = await published()
  await rotated(publisher)
  seen.rounds = 0
  seen.ended = 0
  expect(await firstAnswer(publisher)).toContain('<manifest version="5000">')
  expect(seen.rounds).toBe(3)
})

test('roots and a catalog that are written while it starts are read', async () => {
  const { publisher } = await published()
  const { documents } = publisher
  const writing = Promise.withResolvers<void>()
  const get: Documents['get'] = async (key, ...more) => {
    const found = documents.get(key, ...more)
    if (key === rootKey(2)) void found.then(() => rotated(publisher)).then(writing.resolve)
    if (key !== catalogKey) return found
    await writing.promise
    return documents.get(key, ...more)
  }
  const { root, catalog } = await loadCatalog({ ...publisher, documents: { ...documents, get } })
  expect([root.root.version, catalog.catalog.root]).toEqual([3, 3])
})

test('with a wrong pin it does not start, and logs nothing of what it read beside', async () => {
  const { publisher } = await published()
  const lines: LogEntry[] = []
  const pin = { ...publisher.pin, sha256: '0'.repeat(64) }
  const listen = () => Promise.reject(new Error('it listens'))
  const wrong = { ...publisher, pin, log: (line: LogEntry) => void lines.push(line) }
  await expect(serveWith(listen, { ...settings, pin }, wrong)).rejects.toMatchObject({ code: 'mismatch' })
  expect(lines).toEqual([])
})

test('a function reads its store in two rounds until its first answer', async () => {
  const { seen, publisher } = await published()
  const env = { PLATTE_ROOT: formatPin(publisher.pin), PLATTE_PUBLIC_URL: 'https://updates.example.org' }
  const { fetch } = await openDeployment(readSettings(env, ['pin', 'publicUrl']), env, {
    ...{ documents: publisher.documents, packages: publisher.packages, newHasher: publisher.newHasher },
    ...{ slice: { most: 1, opens: 1 }, features: [], bindings: {}, background: () => undefined, log: () => {} },
    transport: () => Promise.reject(new Error('no network')),
    openUploads: () => Promise.reject(new Error('no uploads')),
  })
  expect(await (await fetch(check())).text()).toContain('<response protocol="3.0"')
  expect(seen.rounds).toBe(2)
})
