/** The page `/fleet` over real sockets: who sees it, what it shows, and that nothing a machine sends breaks it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HtmlValidate, type Report } from 'html-validate'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openForReading } from '../../src/fleet/database.ts'
import { disguiseWith } from '../../src/fleet/ids.ts'
import { states } from '../../src/fleet/machine.ts'
import { openProjection } from '../../src/fleet/projection.ts'
import { readFleet } from '../../src/fleet/reader.ts'
import { listen } from '../../src/runtime/node.ts'
import { hostile, makeFleetFile, serveFleet, token } from '../pages/fleet.ts'
import { newPageStore, publicUrl } from '../pages/store.ts'
import { app, day, type TestStore } from '../world.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-fleet-site-'))
const file = join(dir, 'fleet.db')
let store: TestStore
let begin = 0
beforeAll(async () => {
  store = await newPageStore()
  begin = store.time.now
  makeFleetFile(file, begin, 600)
})
beforeEach(() => {
  store.time.now = begin
})
afterAll(() => rmSync(dir, { recursive: true }))

const machine = 'fe1e0123456789abfe1e01235ee00007'

/** Serves over a socket while the work runs. */
async function serving<Result>(
  work: (url: string, get: (path: string, headers?: Record<string, string>) => Promise<Response>) => Promise<Result>,
  more: Parameters<typeof serveFleet>[2] = {},
  idsKey?: string,
  at = file,
): Promise<Result> {
  const { url, server } = await listen({ host: '127.0.0.1', port: 0 }, () => serveFleet(store, at, more, idsKey))
  try {
    return await work(url, (path, headers = {}) => fetch(url + path, { headers, redirect: 'manual' }))
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

const bearer = { authorization: `Bearer ${token}` }
const html = { accept: 'text/html' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

const signIn = (url: string, given: string, headers: Record<string, string> = {}, to = '/fleet') =>
  fetch(`${url}/fleet/login`, {
    ...{ method: 'POST', redirect: 'manual', headers: { ...form, ...html, ...headers } },
    body: new URLSearchParams({ token: given, to }).toString(),
  })

const cookieOf = (answer: Response): string => answer.headers.get('set-cookie')?.split(';')[0] ?? ''

const pages = [
  '/fleet',
  `/fleet/channel?app=${app}&channel=stable`,
  `/fleet/channel?app=${app}&channel=stable&days=1`,
  `/fleet/channel?app=${app}&channel=${encodeURIComponent(hostile.channel)}`,
  `/fleet/release?app=${app}&version=4593.2.0`,
  `/fleet/release?app=${app}&version=4628.0.0`,
  '/fleet/machines',
  '/fleet/machines?state=failed&channel=stable&sort=silent',
  '/fleet/machines?search=nothing+like+this',
  `/fleet/machines?search=${encodeURIComponent(hostile.machine)}`,
  `/fleet/machine?id=${machine}`,
  `/fleet/machine?id=${encodeURIComponent(hostile.machine)}`,
  '/fleet/machine?id=+nameless+',
  '/fleet/machine?id=nobody',
]

describe('who sees it', () => {
  test.each(pages)('without the token nobody sees %s', async (path) => {
    await serving(async (_, get) => {
      for (const headers of [
        {},
        html,
        { authorization: 'Bearer wrong' },
        { ...html, cookie: 'platte-fleet=9999999999999.AAAA' },
      ]) {
        const answer = await get(path, headers)
        expect(answer.status).toBe(401)
        expect(answer.headers.get('www-authenticate')).toBe('Bearer')
        expect(await answer.text()).not.toMatch(/4372|azure|amd64|up to date|db-\d/i)
      }
    })
  })

  test('a browser signs in with the token, and its session ends after hours, by signing out, or with another token', async () => {
    await serving(async (url, get) => {
      const answer = await signIn(url, token, { 'sec-fetch-site': 'same-origin' }, '/fleet/machines?state=failed')
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/fleet/machines?state=failed'])
      expect(answer.headers.get('set-cookie')).toMatch(
        /^platte-fleet=[^;]+; Max-Age=43200; Path=\/fleet; HttpOnly; Secure; SameSite=Strict$/,
      )
      const cookie = cookieOf(answer)
      expect(cookie).not.toContain(token)
      const page = await get('/fleet', { ...html, cookie })
      expect(page.status).toBe(200)
      expect(page.headers.get('cache-control')).toBe('no-store')
      const [name, value = ''] = cookie.split('=')
      const later = `${name}=${decodeURIComponent(value).replace(/^\d+/, (at) => String(Number(at) + 1))}`
      expect((await get('/fleet', { cookie: later })).status).toBe(401)
      const out = await fetch(`${url}/fleet/logout`, { method: 'POST', redirect: 'manual', headers: { cookie } })
      expect([out.status, out.headers.get('set-cookie')]).toEqual([
        303,
        expect.stringMatching(/^platte-fleet=; Max-Age=0; Path=\/fleet/),
      ])
      store.time.now = begin + 13 * 60 * 60 * 1000
      expect((await get('/fleet', { cookie })).status).toBe(401)
      store.time.now = begin
    })
  })

  test('where a proxy removes a path, the cookie and all links have it; without TLS the cookie is not Secure', async () => {
    await serving(
      async (url, get) => {
        const answer = await signIn(url, token)
        expect(answer.headers.get('location')).toBe('/up/fleet')
        expect(answer.headers.get('set-cookie')).toMatch(/Path=\/up\/fleet; HttpOnly; SameSite=Strict$/)
        const text = await (await get('/fleet', { ...html, cookie: cookieOf(answer) })).text()
        for (const [, to = ''] of text.matchAll(/(?:href|action)="([^"]*)"/g)) expect(to).toMatch(/^(\/up\/|#)/)
      },
      { publicUrl: 'http://127.0.0.1/up' },
    )
  })

  test.each([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'none' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: publicUrl }, 303],
    [{ 'sec-fetch-site': 'same-origin', origin: publicUrl }, 303],
    [{ 'content-type': 'text/plain' }, 400],
  ])('a form with %j gets %i', async (headers, status) => {
    await serving(async (url) => {
      const answer = await signIn(url, token, headers as Record<string, string>)
      expect(answer.status).toBe(status)
      expect(answer.headers.has('set-cookie')).toBe(status === 303)
      const out = await fetch(`${url}/fleet/logout`, {
        method: 'POST',
        redirect: 'manual',
        headers: headers as Record<string, string>,
      })
      expect(out.status).toBe(status === 400 ? 303 : status)
    })
  })

  test.each(['https://evil.example/', '//evil.example', '/fleet//evil', '/fleet/\\evil', '/', '/fleet?a\r\nx: y', ''])(
    'signing in leads to no other place than the fleet: %j',
    async (to) => {
      await serving(async (url) => expect((await signIn(url, token, {}, to)).headers.get('location')).toBe('/fleet'))
    },
  )

  test('a browser that would drop the cookie is told which address to open', async () => {
    await serving(async (url) => {
      const lan = { origin: 'http://fleet.lan:8787', host: 'fleet.lan:8787' }
      const text = await new Promise<string>((resolve, reject) => {
        const sent = request(
          `${url}/fleet/login`,
          { method: 'POST', headers: { ...form, ...html, ...lan } },
          (answer) =>
            answer
              .setEncoding('utf8')
              .toArray()
              .then((parts) => resolve(`${answer.statusCode} ${parts.join('')}`), reject),
        )
        sent.end(`token=${token}`)
      })
      expect(text).toMatch(/^401 /)
      expect(text).toContain(`Open ${publicUrl}/fleet instead.`)
      expect((await signIn(url, token, { origin: url })).status).toBe(303)
    })
  })

  test('signing in and out, and the other language, keep the chosen language', async () => {
    await serving(async (url, get) => {
      const text = await (await get('/fleet/machines?state=failed&lang=zh', html)).text()
      expect(text).toContain('action="/fleet/login?lang=zh"')
      expect((await get('/fleet/login?lang=zh')).headers.get('location')).toBe('/fleet?lang=zh')
      const send = (to: string) =>
        fetch(`${url}/fleet/login?lang=zh`, {
          method: 'POST',
          redirect: 'manual',
          headers: form,
          body: `token=${token}&to=${encodeURIComponent(to)}`,
        })
      const answer = await send('/fleet/machines?lang=zh')
      expect(answer.headers.get('location')).toBe('/fleet/machines?lang=zh')
      expect((await send('/fleet/machines?state=failed')).headers.get('location')).toBe(
        '/fleet/machines?state=failed&lang=zh',
      )
      const [, out = ''] =
        /action="([^"]*logout[^"]*)"/.exec(
          await (await get('/fleet?lang=zh', { ...html, cookie: cookieOf(answer) })).text(),
        ) ?? []
      expect((await fetch(url + out, { method: 'POST', redirect: 'manual' })).headers.get('location')).toBe(
        '/fleet?lang=zh',
      )
      expect((await get('/fleet/login?lang=//evil')).headers.get('location')).toBe('/fleet')
    })
  })

  test('wrong tokens are bounded; sessions go on; a minute later it works again', async () => {
    await serving(async (url, get) => {
      const cookie = cookieOf(await signIn(url, token))
      const found: number[] = []
      for (let i = 0; i < 30; i++) found.push((await signIn(url, `wrong ${i}`)).status)
      expect(new Set(found)).toEqual(new Set([401]))
      const answer = await signIn(url, token)
      expect([answer.status, answer.headers.get('retry-after'), answer.headers.has('set-cookie')]).toEqual([
        429,
        '60',
        false,
      ])
      expect((await get('/fleet', bearer)).status).toBe(429)
      expect((await get('/fleet', { cookie })).status).toBe(200)
      store.time.now += 61_000
      expect((await signIn(url, token)).status).toBe(303)
    })
  })

  test('a wrong token is logged without itself', async () => {
    await serving(async (url) => {
      const text = await (await signIn(url, 'not-this-secret')).text()
      expect(text).toContain('This is not the token.')
      expect(text).not.toContain('not-this-secret')
    })
    expect(store.log).toContainEqual({ level: 'warn', event: 'fleet-login', verdict: 'wrong' })
    expect(JSON.stringify(store.log)).not.toContain('not-this-secret')
  })

  test('other methods and other paths', async () => {
    await serving(async (url, get) => {
      expect((await fetch(`${url}/fleet`, { method: 'POST', headers: bearer })).status).toBe(405)
      expect((await get('/fleet/logout')).status).toBe(405)
      expect((await get('/fleet/login')).headers.get('location')).toBe('/fleet')
      expect((await fetch(`${url}/fleet/login`, { method: 'PUT' })).status).toBe(405)
      expect((await get('/fleet/nothing', bearer)).status).toBe(404)
      expect((await get('/fleet/', bearer)).status).toBe(200)
      const huge = await fetch(`${url}/fleet/login`, {
        method: 'POST',
        headers: form,
        body: `token=${'x'.repeat(20_000)}`,
      })
      expect(huge.status).toBe(413)
    })
  })
})

const validator = new HtmlValidate({
  extends: ['html-validate:recommended'],
  rules: { 'valid-id': ['error', { relaxed: true }], 'no-trailing-whitespace': 'off', 'long-title': 'off' },
})
const problemsOf = ({ results }: Report): readonly string[] =>
  results.flatMap(({ messages }) => messages.map(({ ruleId, message, line }) => `${line} ${ruleId}: ${message}`))

describe.each(['en', 'zh'])('in the language %s', (lang) => {
  test.each(pages)(
    '%s is valid, small, from one host, without scripts, and escapes what machines send',
    async (path) => {
      await serving(async (_, get) => {
        const answer = await get(path, { ...bearer, ...html, 'accept-language': lang })
        const text = await answer.text()
        expect(answer.status).toBe(/nobody/.test(path) ? 404 : 200)
        expect(problemsOf(await validator.validateString(text))).toEqual([])
        expect(Buffer.byteLength(text)).toBeLessThan(60_000)
        expect(answer.headers.get('content-language')).toBe(lang === 'zh' ? 'zh-Hans' : 'en')
        const [tags, shown] = [text.replace(/"[^"]*"/g, '""'), text.replace(/<[^>]*>/g, ' ')]
        expect(tags).not.toMatch(/<(script|img|board|oem|i)\b|<[^>]* (style|on\w+)=/)
        expect(shown).not.toMatch(/undefined|NaN|\[object|\{time\}|\u202e/)
        expect(text).not.toContain(token)
        expect(answer.headers.get('content-security-policy')).toMatch(
          /^default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'/,
        )
        const [, sheet = ''] = /rel="stylesheet" href="([^"]+)"/.exec(text) ?? []
        const css = await get(sheet)
        expect([css.status, css.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8'])
      })
    },
  )
})

/** What the projection says. */
function recorded() {
  const database = openForReading(file)
  const fleet = readFleet(database)
  const rows = fleet.machines({}, { limit: 10_000, offset: 0 })
  database.close()
  return rows
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes.
const json = async (answer: Promise<Response>): Promise<any> => {
  const { status, headers } = await answer
  expect([status, headers.get('content-type')]).toEqual([200, 'application/json'])
  return (await answer).json()
}

/** Pages with numbers, each with a link to the machines that it counts. */
const counting = ['/fleet', ...['stable', ''].map((channel) => `/fleet/channel?app=${app}&channel=${channel}`)].concat(
  `/fleet/release?app=${app}&version=4593.2.0`,
)

test('counts of the overview and of each state are those of the projection, and each links to these machines', async () => {
  const rows = recorded()
  await serving(async (_, get) => {
    const { channels, lines, syncers } = await json(get('/fleet', bearer))
    for (const one of channels) {
      const here = rows.filter(({ channel }) => channel === one.channel)
      expect(one.machines).toBe(here.length)
      for (const state of states) expect(one.states[state] ?? 0).toBe(here.filter((row) => row.state === state).length)
    }
    expect([lines, syncers]).toEqual([{ lost: 7 }, 1])
    for (const path of counting) {
      const text = await (await get(path, { ...bearer, ...html })).text()
      const links = [
        ...text.matchAll(/<a href="(\/fleet\/machines\?[^"]*)">(?:(?!<a).)*?<(?:b|td class="n")>([\d,]+)</g),
      ]
      expect(links.length).toBeGreaterThan(1)
      for (const [, to = '', n = ''] of links) {
        const found = await json(get(to.replaceAll('&amp;', '&'), bearer))
        expect([path, to, found.count]).toEqual([path, to, Number(n.replaceAll(',', ''))])
      }
    }
    for (const state of states.filter((one) => rows.some((row) => row.state === one))) {
      const found = await json(get(`/fleet/machines?state=${state}`, bearer))
      expect(found.count).toBe(rows.filter((row) => row.state === state).length)
    }
  })
})

test.each(['id', 'machine', 'since', 'contact', 'silent'])(
  'every machine is on exactly one page of the list, in the order %s, onwards and back',
  async (sort) => {
    const rows = recorded()
    await serving(async (_, get) => {
      const found: { machine: string; since: string; last: string }[][] = []
      let after: string | null = ''
      let back: string | null = null
      for (; after !== null; ) {
        const page: { machines: (typeof found)[number]; next: string | null; previous: string | null } = await json(
          get(`/fleet/machines?sort=${sort}&after=${after}`, bearer),
        )
        found.push(page.machines)
        after = page.next
        back = page.previous
      }
      const all = found.flat()
      expect(all.map(({ machine }) => machine).toSorted()).toEqual(rows.map(({ machine }) => machine).toSorted())
      const values = all.map(
        (one) => ({ id: '', machine: one.machine, since: one.since, contact: one.last, silent: one.last })[sort],
      )
      const sorted = values.toSorted()
      expect(values).toEqual(['since', 'contact'].includes(sort) ? sorted.reverse() : sorted)
      for (let i = found.length - 2; i >= 0; i--) {
        const page = await json(get(`/fleet/machines?sort=${sort}&after=${back}`, bearer))
        expect(page.machines).toEqual(found[i])
        back = page.previous
      }
      expect(back).toBe(null)
    })
  },
)

test.each(['state=Failed', 'silent=2h', 'sort=__proto__'])(
  'a filter that is not known is no filter: %s',
  async (query) => {
    await serving(async (_, get) => {
      const answer = await get(`/fleet/machines?${query}`, bearer)
      expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
        400,
        expect.stringMatching(new RegExp(`^${query.split('=')[0]} is none of .*: ${query.split('=')[1]}$`)),
      ])
    })
  },
)

test('a place in the list that cannot be read is the sender’s error', async () => {
  await serving(async (_, get) => {
    const answer = await get('/fleet/machines?after=nonsense', bearer)
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'bad-request'])
  })
})

test('a rollout against its ramp, in the channel that has it', async () => {
  await serving(async (_, get) => {
    const { release, channels } = await json(get(`/fleet/release?app=${app}&version=4593.2.0`, bearer))
    const [stable] = channels
    expect(stable).toMatchObject({ channel: 'stable', machines: 420 })
    const now = stable.offered.length - 1
    expect(Date.parse(stable.at[now - 1])).toBeLessThan(begin)
    expect(Date.parse(stable.at[now])).toBeGreaterThanOrEqual(begin)
    const runs = recorded().filter((one) => one.version === '4593.2.0')
    expect([stable.offered[now], stable.done[now], release.done]).toEqual([release.offered, runs.length, runs.length])
    expect(stable.planned[now]).toBeCloseTo(0.375, 2)
    expect(Math.abs(stable.offered[now] / stable.machines - 0.36)).toBeLessThan(0.08)
    expect(stable.planned.at(-1)).toBe(1)
  })
})

test('a machine: its changes, and the way to what it is offered and back', async () => {
  await serving(async (_, get) => {
    const { machines } = await json(get(`/fleet/machine?id=${machine}`, bearer))
    expect(machines[0].changes.length).toBeGreaterThan(3)
    const text = await (await get(`/fleet/machine?id=${machine}`, { ...bearer, ...html })).text()
    const [, to = ''] = /href="(\/explain\?[^"]*)"/.exec(text) ?? []
    const explained = await (await get(to.replaceAll('&amp;', '&'))).text()
    expect(explained).toContain(`href="/fleet/machine?id=${machine}"`)
    expect(explained).toContain('class="answer"')
  })
})

test('where ids are keyed hashes, a machine is found by its real id, and its page does not offer to explain it', async () => {
  const key = 'a key of the fleet'
  const hashed = join(dir, 'hashed.db')
  const projection = openProjection(hashed, { clock: () => begin, keepMs: day, disguise: disguiseWith(key) })
  projection.sighting({ ...hostile, at: begin, app, channel: 'stable', version: '1.0.0', machine })
  projection.flush()
  projection.close()
  await serving(
    async (_, get) => {
      const text = await (await get(`/fleet/machine?id=${machine}`, { ...bearer, ...html })).text()
      expect(text).toContain(disguiseWith(key)(machine))
      expect(text).not.toContain('/explain?')
      expect((await json(get(`/fleet/machines?search=${machine}`, bearer))).count).toBe(1)
    },
    {},
    key,
    hashed,
  )
})

test('a projection that cannot be read is a clear error, and it works again once it is there', async () => {
  const broken = join(dir, 'broken.db')
  await serving(
    async (_, get) => {
      for (const damage of [() => {}, () => writeFileSync(broken, 'nonsense'.repeat(1000))]) {
        damage()
        const answer = await get('/fleet', bearer)
        expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([503, 'answer-unavailable'])
      }
      rmSync(broken)
      openProjection(broken, { clock: () => begin, keepMs: day }).close()
      const text = await (await get('/fleet', { ...bearer, ...html })).text()
      expect(text).toContain('No machine has reported yet.')
    },
    {},
    undefined,
    broken,
  )
})

test.each(['W', '"&', '版', '\u202e'])('pages stay small where machines send texts that are long: %j', async (sign) => {
  const wide = join(dir, `wide-${sign.charCodeAt(0)}.db`)
  const projection = openProjection(wide, { clock: () => begin, keepMs: day })
  for (let i = 0; i < 400; i++) {
    const text = (kinds: number): string => `${i % kinds}${sign.repeat(62 / sign.length)}`
    const common = { app, board: text(3), oem: text(5), oemVersion: text(7), alias: text(400), isSyncer: false }
    const one = {
      ...common,
      machine: text(400),
      channel: i < 200 ? text(7) : sign,
      version: text(30),
      answer: 'update',
    }
    projection.sighting({ ...one, at: begin - 2 * 3_600_000, offered: text(9), reported: [] })
    const reported = [{ type: 3, result: 0, error: text(29) }]
    projection.sighting({ ...one, at: begin - 60_000, answer: '', offered: '', reported })
    if (i % 3 === 0) projection.sighting({ ...one, at: begin, answer: text(25), offered: '', reported: [] })
  }
  projection.flush()
  projection.close()
  await serving(
    async (_, get) => {
      const todo = ['/fleet']
      const machines = new Set<string>()
      for (let i = 0; i < Math.min(todo.length, 100); i++) {
        const text = await (await get(todo[i] ?? '', { ...bearer, ...html })).text()
        expect(Buffer.byteLength(text)).toBeLessThan(60_000)
        for (const [, to = ''] of text.matchAll(/href="(\/fleet[^"]*)"/g))
          if (!to.endsWith('.css')) todo.push(to.replaceAll('&amp;', '&'))
      }
      for (let path: string | undefined = '/fleet/machines'; path; ) {
        const text: string = await (await get(path, { ...bearer, ...html })).text()
        for (const [, id = ''] of text.matchAll(/href="\/fleet\/machine\?id=([^"]*)"/g)) machines.add(id)
        path = /rel="next" href="([^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&')
      }
      expect(machines.size).toBe(400)
    },
    {},
    undefined,
    wide,
  )
})

test('a search that too many machines match says so; a longer one finds its machine', async () => {
  const large = join(dir, 'large.db')
  const projection = openProjection(large, { clock: () => begin, keepMs: day })
  for (let i = 0; i <= 20_000; i++)
    projection.sighting({
      ...hostile,
      at: begin,
      app,
      channel: 'stable',
      version: '1.0.0',
      alias: '',
      machine: `machine-${i}`,
    })
  projection.flush()
  projection.close()
  await serving(
    async (_, get) => {
      const broad = await get('/fleet/machines?search=machine-', { ...bearer, ...html })
      expect([broad.status, await broad.text()]).toEqual([400, expect.stringContaining('More than 20,000 machines')])
      expect((await get('/fleet/machines?search=machine-', bearer)).status).toBe(400)
      expect(await json(get('/fleet/machines?search=chine-20000', bearer))).toMatchObject({ count: 1 })
      expect((await json(get('/fleet/machines?search=machine-1&sort=machine', bearer))).count).toBe(11_111)
      expect((await json(get('/fleet/machines?search=%25', bearer))).count).toBe(0)
    },
    {},
    undefined,
    large,
  )
})
