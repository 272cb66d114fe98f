import { expect, test } from 'vitest'
import { publish } from '../../src/channels/publish.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { type Served, serveWith } from '../../src/runtime/server.ts'
import { openDeployment } from '../../src/runtime/serverless.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import type { Documents } from '../../src/store/documents.ts'
import { formatPin } from '../../src/trust/verify-root.ts'
import { bodyOf } from '../protocol/samples.ts'
import { newStore, orderOf } from '../world.ts'

/** Counts reads that have to wait for another one. A read takes a turn of the event loop, so those of one turn are one round. */
function countingRounds(documents: Documents) {
  const seen = { rounds: 0 }
  let ended = 0
  const get: Documents['get'] = async (key, maxBytes, known) => {
    const round = ended + 1
    seen.rounds = Math.max(seen.rounds, round)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const found = await documents.get(key, maxBytes, known)
    ended = Math.max(ended, round)
    return found
  }
  return { seen, documents: { ...documents, get } }
}

const check = () =>
  new Request('http://127.0.0.1/v1/update/', { method: 'POST', body: bodyOf('updatecheck-scheduled-steady-state') })

async function published() {
  const { publisher } = await newStore()
  await publish(publisher, orderOf('1', { channel: 'beta' }))
  const { seen, documents } = countingRounds(publisher.documents)
  return { seen, publisher: { ...publisher, documents, timestamp: [] } }
}

const settings = { explain: 'off', host: '127.0.0.1', port: 0, store: { kind: 'file', dir: '/nonexistent' } } as const

test('a server reads its store in two rounds until its first answer', async () => {
  const { seen, publisher } = await published()
  let served: Served | undefined
  const listen = async (_: object, make: (port: number) => Served) => {
    served = make(1)
    return { url: 'http://127.0.0.1:1', stop: async () => {} }
  }
  const { stop } = await serveWith(listen, { ...settings, pin: publisher.pin }, publisher)
  expect(await (await served?.fetch(check()))?.text()).toContain('<response protocol="3.0"')
  expect(seen.rounds).toBe(2)
  await stop()
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
  const { app } = await openDeployment(readSettings(env, ['pin', 'publicUrl']), env, {
    ...{ documents: publisher.documents, packages: publisher.packages, newHasher: publisher.newHasher },
    ...{ slice: { most: 1, opens: 1 }, features: [], bindings: {}, background: () => undefined, log: () => {} },
    transport: () => Promise.reject(new Error('no network')),
    openUploads: () => Promise.reject(new Error('no uploads')),
  })
  expect(await (await app.fetch(check())).text()).toContain('<response protocol="3.0"')
  expect(seen.rounds).toBe(2)
})
