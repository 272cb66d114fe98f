/** What stands around reboot locks on Lambda: gates before a slot is given, hooks after, and the page. */
import { afterAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { createGroup, lockMachine } from '../../src/locks/edits.ts'
import { readLock } from '../../src/locks/store.ts'
import { openAsked, silence, status } from '../lock-gates/asked.ts'
import { key, openReceiver, said } from '../lock-gates/receiver.ts'
import { type Ask, locksmith, zincati } from '../locks/clients.ts'
import { useCredentials } from '../s3/open.ts'
import { doors, sendThrough } from './doors.ts'
import { type Invoke, useFunction } from './function.ts'
import { startBucketStore } from './store.ts'
import { givenBy, resourcesOf } from './template.ts'

const { start, logged } = useFunction()
const { s3, env, publisher } = await startBucketStore()
useCredentials(s3)
const locking = { documents: publisher.documents, clock: systemClock, random: systemRandom }
const [asked, receiver] = [await openAsked(status(204)), await openReceiver()]
afterAll(async () => {
  vi.unstubAllEnvs()
  asked.close()
  receiver.close()
  await s3.close()
})
const withLocks = { ...env, PLATTE_LOCKS: 'on' }

const askOf =
  (invoke: Invoke): Ask =>
  async (path, { method = 'GET', headers = {}, body } = {}) => {
    const request = { method, path, headers: headers as Record<string, string>, body: body as string | undefined }
    const bytes = request.body === undefined ? undefined : new TextEncoder().encode(request.body)
    const answer = await sendThrough('function URL', invoke)({ ...request, body: bytes })
    return new Response(answer.body.slice(), { status: answer.status })
  }

async function newGroup(name: string): Promise<string> {
  await createGroup(locking, name, 2, 'operator')
  return name
}
const holders = async (group: string) => (await readLock(locking, group))?.lock.holders?.map(({ id }) => id) ?? []

test('a gate that is closed, redirects or says nothing gives no slot; giving back asks none', async () => {
  const group = await newGroup('gated')
  const answers = [
    ['closed', status(503)],
    ['elsewhere', status(302, { location: '/' })],
    ['silent', silence],
  ] as const
  for (const [name, answer] of answers) {
    const gates = JSON.stringify([{ name, url: `${asked.url}/${name}` }])
    const ask = askOf(await start({ ...withLocks, PLATTE_LOCK_GATES: gates }))
    asked.answer(answer)
    const before = asked.paths.length
    expect(await zincati(ask, group, 'a').lock()).toBe('again')
    expect(await locksmith(ask, group, 'a').unlock()).toBe('done')
    expect([asked.paths.slice(before), await holders(group)]).toEqual([[`/${name}`], []])
    expect(JSON.stringify(logged())).toContain(`gate ${name} `)
  }
  asked.answer(status(200))
  const gates = JSON.stringify([{ name: 'open', url: asked.url }])
  expect(await locksmith(askOf(await start({ ...withLocks, PLATTE_LOCK_GATES: gates })), group, 'a').lock()).toBe(
    'done',
  )
})

test.each([
  ['in a file', { PLATTE_LOCK_GATES: 'file:gates.json' }, /PLATTE_LOCK_GATES names a file.*set it to the list itself/],
  ['misspelt', { PLATTE_LOCK_GATES: '[{"name":"a"}]' }, /PLATTE_LOCK_GATES: number 1: needs a url/],
])('a list that cannot be used stops the function: %s', async (_, wrong, words) => {
  const answer = await askOf(await start({ ...withLocks, ...wrong }))('/v1/pre-reboot', { method: 'POST' })
  expect([answer.status, await answer.text()]).toEqual([500, expect.stringMatching(words)])
})

describe('hooks', () => {
  const outboxOf = async (group: string) => (await readLock(locking, group))?.lock.outbox
  const rule = { source: 'aws.events' }
  const open = async (group: string) => {
    const hooks = JSON.stringify([{ url: `${receiver.url}/hook`, groups: [group] }])
    const invoke = await start({ ...withLocks, PLATTE_LOCK_HOOKS: hooks, PLATTE_LOCK_HOOKS_KEY: key })
    receiver.messages.length = 0
    return { invoke, ask: askOf(invoke) }
  }

  test('are called before the answer', async () => {
    const group = await newGroup('said')
    const { ask } = await open(group)
    receiver.take()
    expect(await locksmith(ask, group, 'a').lock()).toBe('done')
    expect(said(receiver)).toEqual(['a locked'])
    expect(await zincati(ask, group, 'a').unlock()).toBe('done')
    expect(said(receiver)).toEqual(['a locked', 'a unlocked'])
    expect(await outboxOf(group)).toMatchObject({ entries: [] })
  })

  test('that were down are called by the schedule, which needs no timestamp key', async () => {
    const group = await newGroup('down')
    const { ask, invoke } = await open(group)
    receiver.take(503)
    expect(await zincati(ask, group, 'a').lock()).toBe('done')
    expect(await outboxOf(group)).toMatchObject({ entries: [{ tries: 1 }] })
    receiver.take()
    await vi.waitFor(
      async () => {
        expect(await invoke(rule)).toBeNull()
        expect(await outboxOf(group)).toMatchObject({ entries: [] })
      },
      { timeout: 60_000, interval: 500 },
    )
    expect(said(receiver)).toEqual(['a locked'])
    expect(logged().filter(({ event }) => event === 'refresh')).toEqual([])
  })

  test('that say nothing keep no machine waiting for them', async () => {
    const group = await newGroup('silent')
    const { ask } = await open(group)
    receiver.answer(silence)
    expect(await zincati(ask, group, 'a').lock()).toBe('done')
    // It goes on, where the function is not frozen.
    expect(await outboxOf(group)).toMatchObject({ entries: [{ n: 1 }] })
    expect((await outboxOf(group))?.entries[0]?.tries).toBeUndefined()
  })
})

test('the page /locks signs a browser in, and frees the slot that it showed, by its own form alone', async () => {
  const group = await newGroup('shown')
  const token = 'a-token-of-an-operator'
  const invoke = await start({ ...withLocks, PLATTE_LOCK_TOKENS: `admin:alice=${token}` })
  const page = async (path: string, headers: Record<string, string>, form?: Record<string, string>) => {
    const body = form && new TextEncoder().encode(new URLSearchParams(form).toString())
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const given = { accept: 'text/html', ...headers, ...(form && type) }
    const event = doors['function URL']({ method: form ? 'POST' : 'GET', path, headers: given, body })
    return (await invoke(event)) as { readonly statusCode: number; readonly body: string; readonly cookies?: string[] }
  }
  const own = { 'sec-fetch-site': 'same-origin' }
  await lockMachine(locking, group, { id: 'a', via: 'fleet-lock' })
  const slot = { group, id: 'a', since: (await readLock(locking, group))?.lock.holders?.[0]?.since ?? '' }
  expect((await page('/locks', {})).statusCode).toBe(401)
  const login = await page('/locks/login', own, { token, to: '/locks' })
  const cookie = login.cookies?.[0]?.split(';')[0] ?? ''
  expect([login.statusCode, cookie]).toEqual([303, expect.stringMatching(/^platte-locks=/)])
  expect((await page('/locks', { cookie })).body).toContain(`>${group}</a>`)
  expect((await page('/locks/unlock', { cookie, 'sec-fetch-site': 'cross-site' }, slot)).statusCode).toBe(403)
  expect(await holders(group)).toEqual(['a'])
  expect((await page('/locks/unlock', { cookie, ...own }, slot)).statusCode).toBe(303)
  expect(await holders(group)).toEqual([])
})

test('the template passes the lists on, and has a schedule for hooks alone', () => {
  const locks = { Locks: 'on', LockTokensSecret: 'tokens', LockGatesSecret: 'gates' }
  const hooks = { ...locks, LockHooksSecret: 'hooks', LockHooksKeySecret: 'key' }
  const secret = (name: string) => `{{resolve:secretsmanager:${name}:SecretString}}`
  expect(givenBy(hooks).variables).toMatchObject({
    PLATTE_LOCK_GATES: secret('gates'),
    PLATTE_LOCK_HOOKS: secret('hooks'),
    PLATTE_LOCK_HOOKS_KEY: secret('key'),
  })
  expect(givenBy(locks).variables).not.toHaveProperty('PLATTE_LOCK_HOOKS')
  expect([resourcesOf(locks).has('Schedule'), resourcesOf(hooks).has('Schedule')]).toEqual([false, true])
})
