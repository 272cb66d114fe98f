/** Gates, over sockets: what closes, what is not known, and what never asks. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openGates } from '../../src/lock-gates/gates.ts'
import { readGates, readHooks } from '../../src/lock-gates/lists.ts'
import { configureGroup, setMax } from '../../src/locks/edits.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { transport } from '../../src/runtime/transport.ts'
import { locksmith, zincati } from '../locks/clients.ts'
import { group, keyPath, openEndpoint } from '../locks/endpoint.ts'
import { type Answer, type Asked, openAsked, silence, status } from './asked.ts'

let asked: Asked
beforeAll(async () => {
  asked = await openAsked(status(200))
})
afterAll(() => asked.close())

let log: object[] = []
beforeEach(() => {
  log = []
})

const noFiles = async () => Promise.reject(new Error('no such file'))
const gatesOf = async (list: readonly object[], clock = Date.now) =>
  openGates({
    gates: await readGates({ text: JSON.stringify(list) }, noFiles),
    ...{ transport, clock, log: (entry) => void log.push(entry), limitMs: 1_000 },
  })
const plain = () => ({ name: 'change', url: `${asked.url}/open` })
const alerts = () => ({ name: 'alerts', prometheus: `${asked.url}/prom/`, query: 'ALERTS{alertstate="firing"}' })

const json = (value: unknown): Answer => status(200, { 'content-type': 'application/json' }, JSON.stringify(value))
const vector = (...result: readonly object[]) => json({ status: 'success', data: { resultType: 'vector', result } })
const firing = (alertname: string, value = '1') => ({ metric: { alertname }, value: [1, value] })

/** Bytes without an end, until the client goes. */
const endless: Answer = (_, response) => {
  response.writeHead(200)
  const more = () => void response.write(Buffer.alloc(64 * 1024, 32), (error) => error || setImmediate(more))
  more()
}
const cut: Answer = (_, response) => void response.socket?.destroy()
const doesNot = (name: string) => `gate ${name} does not answer`

describe('a URL', () => {
  test.each<[string, Answer, string | undefined]>([
    ['200', status(200, {}, 'whatever'), undefined],
    ['204', status(204), undefined],
    ['404', status(404), 'gate change is closed: it answers 404'],
    ['503', status(503), 'gate change is closed: it answers 503'],
    ['500', status(500), doesNot('change')],
    ['502', status(502), doesNot('change')],
    [
      'a redirect to an open one',
      (_, response) => void response.writeHead(302, { location: '/open' }).end(),
      doesNot('change'),
    ],
    ['a connection that breaks', cut, doesNot('change')],
    ['a body without an end', endless, undefined],
  ])('%s', async (_, answer, reason) => {
    asked.answer(answer)
    const before = asked.paths.length
    expect(await (await gatesOf([plain()])).lockGate.ask(group)).toBe(reason)
    // A kept connection that breaks is tried once more.
    expect(new Set(asked.paths.slice(before))).toEqual(new Set(['/open']))
  })

  test('one that never answers is closed, or open where the list says so; the log and health say it, metrics count it', async () => {
    asked.answer(silence)
    const gates = await gatesOf([plain(), { ...plain(), name: 'soft', groups: ['soft'], onFailure: 'open' }])
    const soft = await gatesOf([{ ...plain(), onFailure: 'open' }])
    const [closed, open] = await Promise.all([gates.lockGate.ask(group), soft.lockGate.ask(group)])
    expect([closed, open]).toEqual([doesNot('change'), undefined])
    expect(log).toContainEqual({
      ...{ level: 'warn', event: 'lock-gate', gate: 'change' },
      problem: expect.stringMatching(/^gate change: .* 1000 ms$/),
    })
    expect(await gates.problems?.()).toEqual(['locks: gate change does not answer; the log says why'])
    expect(await soft.problems?.()).toHaveLength(1)
    expect((await gates.gauges?.({}))?.[0]?.values.get('failed')).toBe(1)
  })

  test('nobody listens', async () => {
    const gone = await gatesOf([{ ...plain(), url: 'http://127.0.0.1:1/secret' }])
    expect(await gone.lockGate.ask(group)).toBe(doesNot('change'))
    expect(JSON.stringify(log)).not.toContain('secret')
  })

  test('a token goes to the gate, and no other group asks', async () => {
    let sent: string | undefined
    asked.answer(({ headers }, response) => {
      sent = headers.authorization
      response.end()
    })
    const gates = await gatesOf([{ ...plain(), token: 's3cr3t', groups: ['others'] }])
    expect([gates.lockGate.has(group), gates.lockGate.has('others')]).toEqual([false, true])
    expect(await gates.lockGate.ask('others')).toBeUndefined()
    expect(sent).toBe('Bearer s3cr3t')
  })
})

describe('a query', () => {
  test.each<[string, Answer, string | undefined]>([
    ['nothing found', vector(), undefined],
    [
      'alerts',
      vector(firing('NodeDown'), firing('DiskFull'), firing('NodeDown')),
      'its query finds 3: NodeDown, DiskFull',
    ],
    [
      'an element of value 0, as `up == 0` has',
      vector({ metric: { __name__: 'up' }, value: [1, '0'] }),
      'its query finds 1: up',
    ],
    ['a name that is no name', vector(firing('a\nb')), 'its query finds 1'],
  ])('%s', async (_, answer, why) => {
    asked.answer(answer)
    const reason = await (await gatesOf([alerts()])).lockGate.ask(group)
    expect(reason).toBe(why && `gate alerts is closed: ${why}`)
    expect(asked.paths.at(-1)).toBe('/prom/api/v1/query?query=ALERTS%7Balertstate%3D%22firing%22%7D')
  })

  test.each<[string, Answer, string]>([
    ['an error', json({ status: 'error' }), 'its answer is not that of a query'],
    ['a wrong query', status(400, {}, '{"status":"error","error":"parse error"}'), 'answers 400 to the query'],
    [
      'a scalar',
      json({ status: 'success', data: { resultType: 'scalar', result: [1, '0'] } }),
      'the query does not give a vector',
    ],
    [
      'a part of the servers',
      json({ status: 'success', data: { resultType: 'vector', result: [] }, warnings: ['partial'] }),
      'its answer has warnings: it may lack something',
    ],
    ['a page', status(200, {}, '<html>'), 'its answer is not that of a query'],
    ['a redirect', status(307, { location: 'http://169.254.169.254/' }), 'redirects (307), which is not followed'],
    ['too much', endless, 'is larger than 1048576 bytes'],
    [
      'half of it',
      (_, response) => void response.writeHead(200, { 'content-length': 99 }).write('{', () => response.destroy()),
      '',
    ],
  ])('%s is no answer', async (_, answer, problem) => {
    asked.answer(answer)
    expect(await (await gatesOf([alerts()])).lockGate.ask(group)).toBe(doesNot('alerts'))
    expect(log).toMatchObject([{ gate: 'alerts', problem: expect.stringContaining(problem) }])
  })
})

test('many machines ask once, and again seconds later; an answer that changed is seen then', async () => {
  let now = 1_000_000
  asked.answer(status(200))
  const before = asked.paths.length
  const gates = await gatesOf([plain()], () => now)
  await Promise.all(Array.from({ length: 50 }, () => gates.lockGate.ask(group)))
  asked.answer(status(503))
  expect(await gates.lockGate.ask(group)).toBeUndefined()
  expect(asked.paths.length - before).toBe(1)
  now += 5_000
  expect(await gates.lockGate.ask(group)).toMatch(/503/)
  expect(asked.paths.length - before).toBe(2)
})

describe('machines', () => {
  const endpointOf = async () => openEndpoint({ extensions: [await gatesOf([plain()], () => (tick += 10_000))] })
  let tick = 0

  test('hear its name, and get the slot once it is open; giving back never asks', async () => {
    asked.answer(status(503))
    const endpoint = await endpointOf()
    const answer = await endpoint.ask('/v1/pre-reboot', {
      method: 'POST',
      headers: { 'fleet-lock-protocol': 'true' },
      body: JSON.stringify({ client_params: { id: 'a', group } }),
    })
    const reason = 'gate change is closed: it answers 503'
    expect([answer.status, await answer.json()]).toEqual([423, { kind: 'failed_lock_policy', value: reason }])
    const { node } = (await (await endpoint.ask(keyPath)).json()) as {
      readonly node: { readonly modifiedIndex: number }
    }
    const swapped = await endpoint.ask(`${keyPath}?prevIndex=${node.modifiedIndex}`, {
      method: 'PUT',
      body: new URLSearchParams({ value: '{"semaphore":0,"max":1,"holders":["b"]}' }),
    })
    const index = node.modifiedIndex
    expect([swapped.status, await swapped.json()]).toEqual([
      412,
      { errorCode: 101, message: 'Compare failed', cause: `[${index} != ${index}] ${reason}`, index },
    ])
    expect((await endpoint.gauges()).find(({ name }) => name === 'platte_lock_refusals')?.values.get('gate')).toBe(2)
    asked.answer(status(200))
    const [first, second] = [locksmith(endpoint.ask, group, 'b'), zincati(endpoint.ask, group, 'a')]
    expect(await first.lock()).toBe('done')
    asked.answer(status(503))
    const before = asked.paths.length
    // A full group, a holder that asks again, and who gives a slot back ask no gate.
    expect(await second.lock()).toBe('again')
    expect(await first.unlock()).toBe('done')
    expect(await second.unlock()).toBe('done')
    expect(asked.paths.length).toBe(before)
    expect(await second.lock()).toBe('again')
    expect(asked.paths.length).toBe(before + 1)
  })

  test('a closed window and an operator’s maximum ask no gate, and what an operator locks, neither', async () => {
    asked.answer(status(200))
    const endpoint = await endpointOf()
    const before = asked.paths.length
    await configureGroup(endpoint.locking, group, () => ({
      max: 1,
      policy: { freezes: [{ from: '2020-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z' }] },
    }))
    expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('again')
    expect(asked.paths.length).toBe(before)
  })

  test('while the gate is asked, others write: the slot is given by what is stored then', async () => {
    const endpoint = await endpointOf()
    asked.answer(async (_, response) => {
      await setMax({ ...endpoint.locking, documents: endpoint.store.bucket }, group, 0)
      response.end()
    })
    expect(await zincati(endpoint.ask, group, 'a').lock()).toBe('again')
    expect(await endpoint.holders()).toEqual([])
  })
})

describe('settings', () => {
  const wrong = (list: unknown) => readGates({ text: JSON.stringify(list) }, noFiles)

  test.each<[string, unknown, string]>([
    ['neither', [{ name: 'a' }], 'number 1: needs a url, or prometheus with a query'],
    ['both', [{ name: 'a', url: 'http://h/', query: 'up' }], 'number 1: needs a url, or prometheus with a query'],
    [
      'a password',
      [plainNamed('a'), { name: 'b', url: 'http://u:secret@h/' }],
      'number 2.url: holds a name or a password',
    ],
    ['a file', [{ name: 'a', url: 'file:///etc/passwd' }], 'number 1.url: is no http(s) URL'],
    ['a name twice', [plainNamed('a'), plainNamed('a')], 'the document: two gates have the same name'],
    ['a wrong group', [{ ...plainNamed('a'), groups: ['../x'] }], 'number 1.groups.0: must be the name of a group'],
  ])('%s', async (_, list, words) => {
    const failure: Error = await wrong(list).then(
      () => new Error('none'),
      (error) => error,
    )
    expect(failure.message).toContain(`PLATTE_LOCK_GATES: ${words}`)
    expect(failure.message).not.toContain('secret')
  })

  test('a text that is no list repeats no token', async () => {
    await expect(readGates({ text: '[{"token":"secret"' }, noFiles)).rejects.toThrow(/^PLATTE_LOCK_GATES: is not JSON$/)
    expect(() => readSettings({ PLATTE_LOCK_GATES: 'https://secret/' })).toThrow(/PLATTE_LOCK_GATES: is neither/)
    await expect(readGates({ file: 'gates.json' }, noFiles)).rejects.toThrow(
      'PLATTE_LOCK_GATES: gates.json: no such file',
    )
    await expect(
      readHooks(
        {
          text: JSON.stringify([
            { url: 'http://h/', groups: ['a'] },
            { url: 'http://i/', groups: ['a'] },
          ]),
        },
        noFiles,
      ),
    ).rejects.toThrow('a group has two hooks')
  })
})

function plainNamed(name: string) {
  return { name, url: 'http://h/' }
}
