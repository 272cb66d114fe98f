/** The page `/locks` over real sockets: who sees what, that only the slot that was shown is freed, and what breaks nothing. */
import { HtmlValidate } from 'html-validate'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openGates } from '../../src/lock-gates/gates.ts'
import { createGroup, lockMachine, setMax, unlockMachine } from '../../src/locks/edits.ts'
import { parseLockTokens } from '../../src/locks/settings.ts'
import { readLock } from '../../src/locks/store.ts'
import { namedTokens } from '../../src/locks-site/feature.ts'
import { listen } from '../../src/runtime/node.ts'
import { transport } from '../../src/runtime/transport.ts'
import { faultsOf, faultyDocuments } from '../faults/faulty.ts'
import { openAsked, status } from '../lock-gates/asked.ts'
import {
  adminToken,
  fleetToken,
  hostileId,
  lockingOf,
  machineToken,
  makeGroups,
  readToken,
  serveLocks,
} from '../pages/locks.ts'
import { newPageStore } from '../pages/store.ts'
import { bytesOf, type TestStore } from '../world.ts'

let store: TestStore
let begin = 0
beforeAll(async () => {
  store = await newPageStore()
  begin = store.time.now
})
beforeEach(async () => {
  store.time.now = begin
  for (const group of ['workers', 'racks']) store.bucket.erase(`locks/${group}.json`)
  await makeGroups(store)
})

type Get = (path: string, headers?: Record<string, string>) => Promise<Response>

async function serving<Result>(
  work: (url: string, get: Get) => Promise<Result>,
  more: Parameters<typeof serveLocks>[1] = {},
): Promise<Result> {
  const app = await serveLocks(store, more)
  const { url, server } = await listen({ host: '127.0.0.1', port: 0 }, () => app)
  try {
    return await work(url, (path, headers = {}) => fetch(url + path, { headers, redirect: 'manual' }))
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const html = { accept: 'text/html' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const post = (url: string, path: string, headers: Record<string, string>, fields: Record<string, string>) =>
  fetch(url + path, {
    ...{ method: 'POST', redirect: 'manual', headers: { ...form, ...headers } },
    body: new URLSearchParams(fields).toString(),
  })
const holder = '0123456789abcdef0123456789abcdef'
const lockOf = async (group = 'workers') => (await readLock(lockingOf(store), group))?.lock ?? expect.fail()
const holdersOf = async () => ((await lockOf()).holders ?? []).map(({ id }) => id)
const slotOf = async (id = holder) => {
  const { since = '' } = (await lockOf()).holders?.find((one) => one.id === id) ?? {}
  return { group: 'workers', id, since }
}
const pages = ['/locks', '/locks/group?group=workers', `/locks/unlock?group=workers&id=${holder}&since=x`]

describe('who sees it', () => {
  test('nobody without a token, and a token of machines sees its group alone', async () => {
    await serving(async (_, get) => {
      for (const path of pages)
        for (const headers of [{}, html, bearer('wrong'), { ...html, cookie: 'platte-locks=9999999999999.AAAA' }]) {
          const answer = await get(path, headers)
          expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
          expect(await answer.text()).not.toMatch(/fedcba|2001:db8|PT4H|of 3 slots|racks/)
        }
      const groups = async (token: string) => {
        const { groups } = (await (await get('/locks', bearer(token))).json()) as { groups: { group: string }[] }
        return groups.map(({ group }) => group)
      }
      expect(await groups(machineToken)).toEqual(['racks'])
      expect(await groups(readToken)).toEqual(['racks', 'workers'])
      expect(await groups(fleetToken)).toEqual(['racks', 'workers'])
      expect((await get('/locks/group?group=workers', bearer(machineToken))).status).toBe(404)
    })
  })

  test('a browser signs in with a token, and its session is of that token', async () => {
    await serving(async (url, get) => {
      const wrong = await post(url, '/locks/login', html, { token: 'wrong' })
      expect([wrong.status, await wrong.text()]).toEqual([401, expect.stringContaining('role="alert"')])
      const answer = await post(url, '/locks/login', html, { token: readToken, to: '/locks/group?group=workers' })
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/locks/group?group=workers'])
      expect(answer.headers.get('set-cookie')).toMatch(
        /^platte-locks=[^;]+; Max-Age=43200; Path=\/locks; HttpOnly; Secure; SameSite=Strict$/,
      )
      const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? ''
      const page = await (await get('/locks/group?group=workers', { ...html, cookie })).text()
      expect(page).toContain(holder)
      // It may look, and nothing else.
      expect(page).not.toContain('/locks/unlock')
      expect((await post(url, '/locks/unlock', { cookie }, await slotOf())).status).toBe(403)
      expect(await holdersOf()).toContain(holder)
      for (const to of ['https://example.org/', '//example.org', '/fleet', '/locksmith']) {
        const next = await post(url, '/locks/login', html, { token: readToken, to })
        expect(next.headers.get('location')).toBe('/locks')
      }
      store.time.now = begin + 13 * 60 * 60 * 1000
      expect((await get('/locks', { cookie })).status).toBe(401)
    })
  })

  test('tokens have the names that were given to them, or their places', () => {
    const tokens = parseLockTokens(`lock:${machineToken},admin:a:bob=${adminToken},admin:b:${adminToken}`)
    expect(namedTokens(tokens, fleetToken).map(({ name, tokens }) => [name, tokens.length])).toEqual([
      ['token 1', 1],
      ['bob', 2],
      ['the fleet', 1],
    ])
  })
})

describe('a slot is freed by hand', () => {
  test('after a page that asks, and noted with the name of the token', async () => {
    await serving(async (url, get) => {
      const signedIn = await post(url, '/locks/login', html, { token: adminToken })
      const headers = { ...html, cookie: signedIn.headers.get('set-cookie')?.split(';')[0] ?? '' }
      const text = await (await get('/locks/group?group=workers', headers)).text()
      const to = [...text.matchAll(/href="(\/locks\/unlock[^"]*)"/g)].map(([, one = '']) =>
        one.replaceAll('&amp;', '&'),
      )
      expect(to).toHaveLength(2)
      const asks = await get(to[0] ?? '', headers)
      expect([asks.status, await holdersOf()]).toEqual([200, expect.arrayContaining([holder])])
      const fields = [...(await asks.text()).matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)]
      const slot = Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value]))
      const own = { ...headers, 'sec-fetch-site': 'same-origin' }
      const done = await post(url, '/locks/unlock', own, slot)
      expect([done.status, done.headers.get('location')]).toEqual([303, `/locks/group?group=workers&freed=${holder}`])
      expect(await holdersOf()).not.toContain(holder)
      const { history, soaking = [] } = await lockOf()
      expect(history.at(-1)).toMatchObject({ what: 'unlock', via: 'operator', id: holder, by: 'alice' })
      expect(soaking.map(({ id }) => id)).not.toContain(holder)
      expect(store.log).toContainEqual(
        expect.objectContaining({ event: 'lock', what: 'unlock', id: holder, by: 'alice' }),
      )
      const shown = await (await get('/locks/group?group=workers', headers)).text()
      expect(shown).toContain('operator: alice')
    })
  })

  test('only the one that was shown: not of a machine that came back and took another', async () => {
    await serving(async (url, get) => {
      const slot = await slotOf()
      await unlockMachine(lockingOf(store), 'workers', { id: holder, via: 'operator' })
      await lockMachine(lockingOf(store), 'workers', { id: holder, via: 'operator' })
      for (const headers of [bearer(adminToken), { ...bearer(adminToken), ...html }]) {
        const answer = await post(url, '/locks/unlock', headers, slot)
        expect([answer.status, await answer.text()]).toEqual([409, expect.stringMatching(/does not hold/)])
      }
      const path = `/locks/unlock?${new URLSearchParams(slot)}`
      expect((await get(path, bearer(adminToken))).status).toBe(409)
      expect(await holdersOf()).toContain(holder)
      const again = await post(url, '/locks/unlock', bearer(adminToken), await slotOf())
      expect(await again.json()).toMatchObject({ freed: true, id: holder })
    })
  })

  test.each([
    ['a form of another site', { 'sec-fetch-site': 'cross-site' }, adminToken, 403],
    ['a form of another origin', { origin: 'https://evil.example' }, adminToken, 403],
    ['a token that may only look', {}, readToken, 403],
    ['a token that is for another group', {}, machineToken, 403],
    ['the token of the fleet', {}, fleetToken, 403],
    ['something else than a form', { 'content-type': 'application/json' }, adminToken, 400],
  ])('not by %s', async (_, headers, token, status) => {
    await serving(async (url) => {
      const answer = await post(url, '/locks/unlock', { ...bearer(token), ...headers }, await slotOf())
      expect(answer.status).toBe(status)
      expect(await holdersOf()).toContain(holder)
    })
  })

  test('not in a store that cannot be written, which pages still show', async () => {
    const faults = faultsOf()
    const locking = { ...lockingOf(store), documents: faultyDocuments(store.bucket, faults), random: () => 0 }
    await serving(
      async (url, get) => {
        const slot = await slotOf()
        expect((await get('/locks/group?group=workers', bearer(adminToken))).status).toBe(200)
        faults.killed = true
        expect((await post(url, '/locks/unlock', bearer(adminToken), slot)).status).toBe(503)
        expect((await get('/locks', bearer(adminToken))).status).toBe(503)
        faults.killed = false
        expect((await get('/locks', bearer(adminToken))).status).toBe(200)
      },
      { locking },
    )
    expect(await holdersOf()).toContain(holder)
  })
})

describe('what it shows', () => {
  test('holders, the queue with its reasons, and the history, whatever a machine sent', async () => {
    await serving(async (_, get) => {
      const data = (await (await get('/locks/group?group=workers', bearer(readToken))).json()) as {
        waiting: { id: string; reason: string }[]
        silent: { id: string }[]
        holders: { id: string; overdue: boolean }[]
        history: { what: string }[]
        soaking: string[]
      }
      expect(data.waiting.map(({ reason }) => reason)).toEqual(['soak', 'full', 'full'])
      expect(data.silent.map(({ id }) => id)).toEqual(['gone-for-hours'])
      expect(data.holders.filter(({ overdue }) => overdue).map(({ id }) => id)).toEqual([holder])
      expect([data.soaking.length, data.history[0]?.what]).toEqual([1, 'set-max'])
      for (const lang of ['en', 'zh']) {
        const text = await (
          await get(`/locks/group?group=workers&lang=${lang}`, { ...html, ...bearer(readToken) })
        ).text()
        expect(text).not.toContain('<script')
        expect(text).toContain('2001:db8::7')
      }
    })
  })

  test.each(['/locks', '/locks/group?group=workers', '/locks/group?group=nothing'])(
    '%s is valid HTML',
    async (path) => {
      const slot = await slotOf(hostileId)
      await serving(async (_, get) => {
        for (const one of [path, `/locks/unlock?${new URLSearchParams(slot)}`])
          for (const lang of ['en', 'zh']) {
            const to = `${one}${one.includes('?') ? '&' : '?'}lang=${lang}`
            const answer = await get(to, { ...html, ...bearer(adminToken) })
            const validator = new HtmlValidate({
              extends: ['html-validate:recommended'],
              rules: { 'long-title': 'off' },
            })
            const { results } = await validator.validateString(await answer.text())
            expect(
              results.flatMap(({ messages }) => messages.map(({ message, ruleId }) => `${ruleId}: ${message}`)),
            ).toEqual([])
          }
      })
    },
  )

  test('200 groups, of which one is damaged, and a full queue and history stay below 60 kB', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `g${i}-${'x'.repeat(50)}`)
    for (const name of names) await createGroup(lockingOf(store), name, 1000, 'operator')
    await store.bucket.create('locks/broken.json', bytesOf('{"format":1}'))
    const [first = ''] = names
    const lock = await lockOf(first)
    const at = new Date(begin).toISOString()
    const idOf = (i: number): string => `${i}${'<&"'.repeat(80)}`
    const history = Array.from({ length: 100 }, (_, i) => ({ at, what: 'lock', via: 'locksmith', id: idOf(i) }))
    const holders = Array.from({ length: 900 }, (_, i) => ({ id: idOf(i), via: 'locksmith', since: at }))
    holders.sort((a, b) => (a.id < b.id ? -1 : 1))
    await store.bucket.overwrite(`locks/${first}.json`, bytesOf(JSON.stringify({ ...lock, holders, history })))
    const machines = holders.map(({ id }, i) => ({
      ...{ id: `w${id}`, via: 'locksmith', first: at, last: at, reason: 'full', words: `${i}${'<'.repeat(190)}` },
    }))
    const waiting = { format: 1, type: 'waiting', group: first, at, machines }
    await store.bucket.create(`locks/waiting/${first}.json`, bytesOf(JSON.stringify(waiting)))
    try {
      await serving(async (_, get) => {
        for (const path of ['/locks', '/locks?from=150', `/locks/group?group=${first}`]) {
          const text = await (await get(path, { ...html, ...bearer(adminToken) })).text()
          expect([path, Buffer.byteLength(text) < 60_000]).toEqual([path, true])
          expect(text).toMatch(path.startsWith('/locks/group') ? /and 8\d\d more/ : /broken/)
        }
        const { count, damaged } = (await (await get('/locks', bearer(readToken))).json()) as {
          count: number
          damaged: string[]
        }
        expect([count, damaged]).toEqual([202, ['broken']])
      })
    } finally {
      for (const name of [...names, 'broken', `waiting/${first}`]) store.bucket.erase(`locks/${name}.json`)
    }
  })

  test('the token of the fleet is enough to look; without any token there is no page, and it says why', async () => {
    const look = new Request('http://127.0.0.1/locks', { headers: bearer(fleetToken) })
    expect((await (await serveLocks(store, { tokens: [] })).fetch(look)).status).toBe(200)
    const answer = await (await serveLocks(store, { tokens: [], hasFleet: false })).fetch(look)
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('PLATTE_LOCK_TOKENS')])
  })
})

test('a closed gate is why a group gives no slot, where it has one', async () => {
  const asked = await openAsked(status(503))
  const { publisher } = store
  const gates = [{ name: 'change', url: asked.url, groups: ['racks'] }]
  const others = [openGates({ gates, transport, clock: publisher.clock, log: publisher.log })]
  try {
    await serving(
      async (_, get) => {
        const vetoAt = async (path: string) => (await (await get(path, bearer(readToken))).json()) as { veto: unknown }
        const veto = { kind: 'gate', reason: 'gate change is closed: it answers 503' }
        expect(await vetoAt('/locks')).toMatchObject({ groups: [{ group: 'racks', veto }] })
        expect(await vetoAt('/locks/group?group=racks')).toMatchObject({ veto })
        await setMax(lockingOf(store), 'racks', 0)
        expect(await vetoAt('/locks/group?group=racks')).toMatchObject({ veto: null })
      },
      { others, tokens: parseLockTokens(`read:racks:${readToken}`) },
    )
  } finally {
    await asked.close()
  }
})
