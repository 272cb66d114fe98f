/** Pages: what they show is what machines are offered, whoever wrote what is shown, and whoever asks. */
import { HtmlValidate, type Report } from 'html-validate'
import { beforeAll, describe, expect, test } from 'vitest'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { publish } from '../../src/channels/publish.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import { openLocks } from '../../src/locks/http/routes.ts'
import type { Release } from '../../src/release/channel.ts'
import { sitePages } from '../../src/site/feature.ts'
import { describeChannel, endChannel, execute, holdRelease, renameChannel, stopRamps } from '../changes.ts'
import { newPageStore, publicUrl, serve } from '../pages/store.ts'
import { app, day, forgeCatalog, newReader, newStore, orderOf, publishOne, type TestStore } from '../world.ts'

const maxBytes = 50_000

const paths = [
  '/',
  `/channels/${app}/stable`,
  `/channels/${app}/beta`,
  `/channels/${app}/prod-eu`,
  `/channels/${app}/stable?from=4152.2.0`,
  `/channels/${app}/nothing`,
  '/explain',
  `/explain?app=${app}&channel=stable&version=4081.2.0&board=amd64-usr&machine=0123456789abcdef0123456789abcdef`,
  `/explain?app=${app}&channel=stable&version=4081.2.0`,
  '/client-config',
  '/client-config?group=stable&strategy=best-effort&start=Thu+04%3A00&length=2h',
  '/client-config?start=26:00',
]

let store: TestStore
beforeAll(async () => {
  store = await newPageStore()
})

/** Versions are anchors, dots and all; lines of templates are not aligned for people. */
const validator = new HtmlValidate({
  extends: ['html-validate:recommended'],
  rules: { 'valid-id': ['error', { relaxed: true }], 'no-trailing-whitespace': 'off', 'long-title': 'off' },
})

const problemsOf = ({ results }: Report): readonly string[] =>
  results.flatMap(({ messages }) => messages.map(({ ruleId, message, line }) => `${line} ${ruleId}: ${message}`))

describe.each(['en', 'zh'])('in the language %s', (lang) => {
  test.each(paths)('%s is valid, small, from one host, and without scripts', async (path) => {
    const answer = await serve(store).request(path, { headers: { 'accept-language': lang } })
    const html = await answer.text()
    const report = await validator.validateString(html)
    expect(problemsOf(report)).toEqual([])
    expect(Buffer.byteLength(html)).toBeLessThan(maxBytes)
    expect(answer.headers.get('content-language')).toBe(lang === 'zh' ? 'zh-Hans' : 'en')
    expect(html).not.toMatch(/<script|style=| on\w+=|undefined|NaN|\[object|\{time\}/)
    for (const [, from = ''] of html.matchAll(
      /<(?:link|img|source|iframe|object|script)\b[^>]*?(?:href|src)="([^"]*)"/g,
    ))
      expect(from).toMatch(/^\/(?!\/)/)
    const policy = answer.headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/^default-src 'none'/)
    expect(policy).not.toMatch(/unsafe|http|\*/)
  })
})

/** The cards of the home page as text. */
async function cards(served: ReturnType<typeof serve>): Promise<Record<string, string>> {
  const html = await (await served.request('/')).text()
  const found = html.matchAll(/<article class="card" id="[^".]*\.([^"]+)">([\s\S]*?)<\/article>/g)
  return Object.fromEntries(
    [...found].map(([, name = '', body = '']) => [name, body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')]),
  )
}

test('a card shows as offered what a machine without an id gets in the end', async () => {
  const found = await cards(serve(store))
  for (const [channel, version] of [
    ['stable', '4372.2.0'],
    ['beta', '4372.2.0'],
    ['alpha', '4628.0.0'],
    ['prod-eu', '4372.2.0'],
  ] as const) {
    expect(found[channel]).toMatch(new RegExp(`${version.replaceAll('.', '\\.')} (Everybody else, )?published`))
    const query = { app, channel, version: '4230.2.0', board: 'amd64-usr', isManual: channel === 'prod-eu' }
    const decision = await checkForUpdate(newReader(store), query)
    expect(decision).toMatchObject({ kind: 'update', offer: { release: { version } } })
  }
  expect(found.stable).toMatch(
    /rollout 37\.5 % 4593\.2\.0 Offered to 37\.5 % of machines, everybody by Monday 21:00 UTC \(in 15 hours\) ?\. For: not OEM pxe 4372\.2\.0 Everybody else, published/,
  )
  expect(found.stable).toContain('Older machines install 4081.2.0 first.')
  expect(found.beta).toMatch(/everybody 4372\.2\.0 published .* held 4593\.2\.0 .*incidents\/boot-loop/)
  expect(found.alpha).toMatch(/everybody.*every 7 days, on Thu next release due/)
  const follower = await (await serve(store).request(`/channels/${app}/prod-eu`)).text()
  expect(follower).toMatch(/<dt>Follows<\/dt><dd><a href="[^"]*\/stable">stable<\/a> 7 days later, over 2 days/)
  expect(found['prod-eu']).toMatch(
    /window closed 4372\.2\.0 .*The window is closed until Monday 21:00 UTC .*later 4593\.2\.0 , not before Sunday 03:00 UTC .*Follows stable 7 days later, over 2 days/,
  )
  expect(found['prod-eu']).not.toMatch(/offered|everybody/i)
})

test('a publish, a ramp and a hold appear on the page within two TTLs', async () => {
  const one = await newStore()
  await publishOne(one, '1')
  const served = serve(one)
  const shown = async (): Promise<string> => {
    one.time.now += 60_000
    await cards(served)
    return (await cards(served)).stable ?? ''
  }
  expect(await shown()).toMatch(/everybody 1 published/)
  await publishOne(one, '2')
  expect(await shown()).toMatch(/everybody 2 published/)
  const ramp = [{ at: new Date(one.time.now).toISOString(), share: 0.25 }]
  await publishOne(one, '3', { ramp })
  expect(await shown()).toMatch(/rollout 25 % 3 Offered to 25 % of machines\. 2 Everybody else/)
  await holdRelease(one.publisher, { app, channel: 'stable' }, { version: '2', reason: 'it does not boot' })
  expect(await shown()).toMatch(/rollout 25 % 3 Offered to 25 % of machines\. 1 Everybody else/)
})

test('a renamed channel has one card, under its new name', async () => {
  const one = await newStore()
  await publishOne(one, '1')
  await renameChannel(one.publisher, { app, channel: 'stable' }, 'steady')
  const html = await (await serve(one).request('/')).text()
  expect([...html.matchAll(/<h3><a href="([^"]*)"/g)].map(([, href]) => href)).toEqual([`/channels/${app}/steady`])
})

/** The page of a channel whose version 2 is changed. */
async function pageWith(more: Partial<Release>, versions: readonly string[] = ['1', '2', '3']): Promise<TestStore> {
  const one = await newStore()
  for (const version of versions) await publishOne(one, version)
  await commitChannel(one.publisher, { app, channel: 'stable' }, (current) => ({
    ...current,
    releases: current.releases.map((it) => (it.version === '2' ? { ...it, ...more } : it)),
  }))
  await refresh(one.publisher)
  return one
}

test('a release with a target is not shown as offered to all', async () => {
  const some = await cards(serve(await pageWith({ target: { oem: { not: ['pxe'] } } }, ['1', '2'])))
  expect(some.stable).toMatch(/^ ?stable.* for some machines 2 published .*For: not OEM pxe/)
  const all = await cards(serve(await pageWith({}, ['1', '2'])))
  expect(all.stable).toMatch(/everybody 2 published/)
})

test('a channel with a target shows what other machines get, and describes the target in English', async () => {
  const one = await pageWith({ target: { oem: { only: ['azure'] } } }, ['2'])
  expect((await cards(serve(one))).stable).toMatch(
    /amd64-usr for some machines 2 it is for OEM azure only Everybody else gets no update\./,
  )
  const page = await (await serve(one).request(`/channels/${app}/stable?lang=zh`)).text()
  expect(page).toContain('<span lang="en">it is for OEM azure only</span></p>')
  expect(page).toContain('<dd><span lang="en">OEM azure</span></dd>')
  const query = new URLSearchParams({ app, channel: 'stable', version: '1', board: 'amd64-usr', lang: 'zh' })
  const explained = await (await serve(one).request(`/explain?${query}`)).text()
  expect(explained).toContain('<dt>条件</dt><dd><span lang="en">it is for OEM azure only</span></dd>')
})

test('a held floor affects only machines below it', async () => {
  const one = await pageWith({ floor: { reason: 'the disk is laid out anew' } })
  await holdRelease(one.publisher, { app, channel: 'stable' }, { version: '2', reason: 'it does not boot' })
  const card = (await cards(serve(one))).stable
  expect(card).toMatch(/for some machines 3 published .* This is for machines on 2 or newer\./)
  expect(card).toMatch(
    /the floor is held Machines below 2 must install it first; without it they get 1\. it does not boot/,
  )
})

test('a stopped ramp shows no end', async () => {
  const one = await newStore()
  await publishOne(one, '1')
  const at = (hours: number): string => new Date(one.time.now + hours * 60 * 60_000).toISOString()
  const ramp = [
    { at: at(-1), share: 0 },
    { at: at(3), share: 1 },
  ]
  await publishOne(one, '2', { ramp })
  expect((await cards(serve(one))).stable).toMatch(/25 % of machines, everybody by Monday 09:00 UTC/)
  await stopRamps(one.publisher, { app, channel: 'stable' }, true)
  expect((await cards(serve(one))).stable).toMatch(/rollout stopped 25 % 2 .*25 % of machines, stopped 2026-/)
})

test('the timeline has dates, and marks what was withdrawn', async () => {
  const one = await pageWith({ withdrawn: { reason: 'CVE-2026-4242' } })
  const html = await (await serve(one).request(`/channels/${app}/stable`)).text()
  const [, timeline = ''] = /<ol class="timeline sheet">([\s\S]*?)<\/ol>/.exec(html) ?? []
  const items = timeline.split('<li').map((item) => item.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' '))
  expect(items[1]).toMatch(/3 offered .*\(2026-11-23\)/)
  expect(items[2]).toMatch(/^ class="gone"> 2 withdrawn .*\(2026-11-23\)/)
  expect(html).toContain('<a href="https://www.cve.org/CVERecord?id=CVE-2026-4242" rel="noreferrer">CVE-2026-4242</a>')
})

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>]]>&amp;{{x}}`

test('HTML in names, descriptions, components, reasons and notes is escaped', async () => {
  const one = await newStore()
  const notes = `# <b>x</b>\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![x](https://elsewhere.example/x.png) <https://e.example> <style>*{}</style>\n\n<a href="x" onclick="y">z</a>\n\`\`\`html\n${hostile}\n\`\`\`\n`
  const reason = hostile.slice(0, 200)
  await publishOne(one, '1', { notes: new TextEncoder().encode(notes), components: { kernel: hostile.slice(0, 90) } })
  await publishOne(one, '2')
  await commitChannel(one.publisher, { app, channel: 'stable' }, (current) => ({
    ...current,
    description: hostile,
    provenance: { [hostile.slice(0, 60)]: hostile },
    releases: current.releases.map((it) =>
      it.version === '2' ? { ...it, withdrawn: { reason } } : { ...it, floor: { reason } },
    ),
  }))
  await refresh(one.publisher)
  await forgeCatalog(one, (catalog) => ({
    ...catalog,
    issuedAt: new Date(Date.parse(catalog.issuedAt) + 1).toISOString(),
    apps: { [app]: { ...catalog.apps[app], name: hostile } },
  }))
  const served = serve(one)
  for (const path of [
    '/',
    `/channels/${app}/stable`,
    `/explain?app=${encodeURIComponent(hostile)}&channel=${encodeURIComponent(hostile)}&version=${encodeURIComponent(hostile)}&board=${encodeURIComponent(hostile)}`,
    `/client-config?group=${encodeURIComponent(hostile)}&lang=${encodeURIComponent(hostile)}`,
  ]) {
    const html = await (await served.request(path)).text()
    expect(html).not.toMatch(/<script|<img|<style|<b>x|onclick="|href="javascript|<iframe/)
    expect(html).toContain('alert(1)')
    expect(problemsOf(await validator.validateString(html))).toEqual([])
  }
})

test('a hold and its end are in the history of a channel, with who and why; explain links there', async () => {
  const one = await newStore({ format: 2 })
  const stable = { app, channel: 'stable' }
  const publisher = { ...one.publisher, operator: 'Ada <b>' }
  await publishOne(one, '1')
  await publishOne(one, '2')
  await holdRelease(publisher, stable, { version: '2', reason: 'boot loop' })
  const held = await (await serve(one).request(`/explain?app=${app}&channel=stable&version=1&board=amd64-usr`)).text()
  expect(held).toContain(`boot loop (<a href="/channels/${app}/stable#history">History</a>)`)
  await execute(publisher, 'unhold', { ...stable, version: '2', message: `fixed ${hostile.slice(0, 60)}` })
  for (let i = 0; i < 6; i++) await holdRelease(one.publisher, stable, { version: '1', reason: `why ${i}` })
  const html = await (await serve(one).request(`/channels/${app}/stable`)).text()
  const [, history = ''] = html.split('<h2 id="history">')
  const items = [...history.matchAll(/<li><b>revision (\d+)<\/b>.*?<\/ul>/gs)].map(([item]) =>
    item.replace(/<[^>]*>/g, ' '),
  )
  expect(items).toHaveLength(10)
  expect(items[0]).toContain('+ hold of 1: why 5')
  expect(items[6]).toMatch(
    /signed by .* message: fixed &lt;script&gt;.* operator: Ada &lt;b&gt;.*- hold of 2: boot loop/s,
  )
  expect(items[7]).toMatch(/operator: Ada &lt;b&gt;.*\+ hold of 2: boot loop/s)
  expect(items[9]).toContain('+ 1 amd64-usr')
  expect(html).not.toMatch(/<script|<b>fixed/)
  expect(problemsOf(await validator.validateString(html))).toEqual([])
})

test('only a reason that is a URL becomes a link', async () => {
  const one = await newStore()
  await publishOne(one, '1')
  for (const reason of ['javascript:alert(1)', 'https://x.example/"onmouseover="y', 'https://good.example/why']) {
    await publishOne(one, '2')
    await holdRelease(one.publisher, { app, channel: 'stable' }, { version: '2', reason })
    const html = await (await serve(one).request('/')).text()
    expect(html.includes(`<a href="${reason}"`)).toBe(reason.startsWith('https://good'))
  }
})

test('10 MB of notes are refused; the largest allowed notes keep the page short and fast', async () => {
  const one = await newStore()
  await expect(publishOne(one, '1', { notes: new Uint8Array(10 * 2 ** 20) })).rejects.toThrow(/notes/)
  const worst = [
    '> '.repeat(500_000),
    '*a '.repeat(300_000),
    '*_'.repeat(500_000),
    '['.repeat(1_000_000),
    '- '.repeat(500_000),
    `${'a '.repeat(100)}\n\n`.repeat(5000),
    '|a'.repeat(400_000),
    '`'.repeat(1_000_000),
  ]
  for (const [i, text] of worst.entries()) await publishOne(one, `${i + 1}`, { notes: new TextEncoder().encode(text) })
  const html = await (await serve(one).request(`/channels/${app}/stable`)).text()
  expect(Buffer.byteLength(html)).toBeLessThan(maxBytes)
  expect(html).toMatch(/<a href="\/notes\/[0-9a-f]{64}">/)
})

test('an unusually large release is truncated, with a link to the rest', async () => {
  const one = await newStore()
  const components = Object.fromEntries(
    Array.from({ length: 3000 }, (_, i) => [`component ${i}`, `${i}.0.0 of a long name`]),
  )
  const cves = Array.from({ length: 5000 }, (_, i) => `CVE-2026-${10_000 + i}`)
  await publishOne(one, '1', { components, cves })
  await publishOne(one, '2', { components, cves })
  const html = await (await serve(one).request(`/channels/${app}/stable`)).text()
  expect(Buffer.byteLength(html)).toBeLessThan(maxBytes)
  expect(html).toContain('… and 2960 more in the JSON')
  expect(html).toContain('… and 4940 more in the JSON')
})

test('5,000 channels are paged, and each is on exactly one page', async () => {
  const one = await newStore()
  await publishOne(one, '1')
  await forgeCatalog(one, (catalog) => {
    const entry = catalog.apps[app]?.channels.stable
    const channels = Object.fromEntries(
      Array.from({ length: 5000 }, (_, i) => [`c${String(i).padStart(4, '0')}`, entry]),
    )
    return {
      ...catalog,
      issuedAt: new Date(Date.parse(catalog.issuedAt) + 1).toISOString(),
      apps: { [app]: { channels } },
    }
  })
  const served = serve(one)
  const seen: string[] = []
  let next: string | undefined = '/?from=4900'
  while (next !== undefined) {
    const html: string = await (await served.request(next)).text()
    expect(Buffer.byteLength(html)).toBeLessThan(maxBytes)
    seen.push(...[...html.matchAll(/<h3><a href="\/channels\/[^/]+\/(c\d+)"/g)].map(([, name = '']) => name))
    next = /rel="next" href="([^"]+)"/.exec(html)?.[1]
  }
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => `c${4900 + i}`))
  for (const from of ['-1', '5000', 'x', '1e99']) {
    const html = await (await served.request(`/?from=${from}`)).text()
    expect(html).toContain('Channels 1 to 12 of 5000')
  }
})

describe('if nothing is offered, the page shows why in red, and answers 200', () => {
  const read = async (one: TestStore, path = '/') => {
    const answer = await serve(one).request(path)
    return { status: answer.status, html: await answer.text() }
  }

  test('the catalog has expired', async () => {
    const one = await newStore()
    await publishOne(one, '1')
    const served = serve(one)
    await served.request('/')
    one.time.now += 15 * day
    const html = await (await served.request('/')).text()
    expect(html).toMatch(
      /class="note bad" role="alert"><h2>Nothing is offered: expired<\/h2>\s*<p>[^<]*platte refresh --force/,
    )
    expect((await cards(served)).stable).toMatch(/expired nothing is offered/)
    const json = await (await served.request('/v1/channels')).json()
    expect(json).toMatchObject({ status: 'catalog-expired', channels: [{ boards: [{ offered: null }] }] })
    expect((await served.request('/stable/amd64-usr/current/version.txt')).status).toBe(503)
  })

  test('the catalog is signed by another key', async () => {
    const one = await newStore()
    await publishOne(one, '1')
    await one.bucket.overwrite('catalog.jws', new TextEncoder().encode('{}'))
    const { status, html } = await read(one)
    expect(status).toBe(200)
    expect(html).toMatch(/Nothing is offered: cannot be verified<\/h2>\s*<p>[^<]*platte verify/)
  })

  test('a manifest is missing', async () => {
    const one = await newStore()
    await publishOne(one, '1')
    one.bucket.erase(`apps/${app}/stable/0000000001.jws`)
    for (const path of ['/', `/channels/${app}/stable`]) {
      const { status, html } = await read(one, path)
      expect(status).toBe(200)
      expect(html).toContain('This channel offers nothing: not mirrored')
    }
  })

  test('the store is empty', async () => {
    const { status, html } = await read(await newStore())
    expect(status).toBe(200)
    expect(html).toContain('No channel yet')
  })
})

describe('requests', () => {
  test('Host and X-Forwarded headers have no effect', async () => {
    const served = serve(store)
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      forwarded: 'host=evil.example',
    }
    for (const path of [...paths, `/channels/${app}/stable/feed.atom`, '/v1/channels'])
      expect(await (await served.request(`http://evil.example${path}`, { headers })).text()).not.toContain(
        'evil.example',
      )
  })

  test.each([
    ['en', undefined, undefined],
    ['zh-Hans', undefined, 'zh-CN,zh;q=0.9,en;q=0.8'],
    ['en', undefined, 'en-US,en;q=0.9,zh;q=0.8'],
    ['zh-Hans', undefined, 'de, zh-TW;q=0.5'],
    ['en', undefined, 'zh;q=0'],
    ['en', 'en', 'zh'],
    ['zh-Hans', 'zh', 'en'],
    ['en', 'constructor', '*'],
    ['en', 'x'.repeat(5000), ','.repeat(5000)],
  ])('the language is %s for lang=%s and Accept-Language %s', async (want, lang, accept) => {
    const path = `/${lang === undefined ? '' : `?lang=${lang}`}`
    const answer = await serve(store).request(path, { headers: { ...(accept && { 'accept-language': accept }) } })
    expect(answer.headers.get('content-language')).toBe(want)
    expect(answer.headers.get('vary')).toBe('accept-language')
  })

  test('an Accept header without HTML still gets the page', async () => {
    const answer = await serve(store).request('/', { headers: { accept: 'image/avif' } })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  })

  test('an unknown path has a page for people, and a problem document for programs', async () => {
    const get = (path: string, accept: string, method = 'GET') =>
      serve(store).request(path, { method, headers: { accept } })
    const page = await get('/no/such/page', 'text/html,application/xhtml+xml,*/*;q=0.8')
    expect([page.status, page.headers.get('vary')]).toEqual([404, 'accept, accept-language'])
    const html = await page.text()
    expect(html).toContain('<a href="/">Channels</a>')
    expect(html).toContain(`<a href="/channels/${app}/stable">stable</a>`)
    expect(problemsOf(await validator.validateString(html))).toEqual([])
    // The link to the other language stays on this host.
    expect(await (await get('//evil.example/x', 'text/html')).text()).not.toContain('evil.example')
    for (const accept of ['*/*', 'application/json', '']) {
      const problem = await get('/no/such/page', accept)
      expect([problem.status, problem.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
    }
    expect((await get('/no/such/page', 'text/html', 'POST')).headers.get('content-type')).toBe(
      'application/problem+json',
    )
  })

  test('an unchanged page is 304, and HEAD has no body', async () => {
    const served = serve(store)
    const etag = (await served.request('/')).headers.get('etag') ?? ''
    expect((await served.request('/', { headers: { 'if-none-match': `W/${etag}` } })).status).toBe(304)
    const head = await served.request('/', { method: 'HEAD' })
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, etag, ''])
  })

  test('pages are read-only', async () => {
    for (const path of ['/', '/explain', '/v1/channels'])
      expect((await serve(store).request(path, { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD')
  })

  test('the stylesheet and the icon have versioned names and are cached without limit', async () => {
    const html = await (await serve(store).request('/')).text()
    for (const [, path = ''] of html.matchAll(/href="(\/pages\/[0-9a-f]{16}\.(?:css|svg))"/g)) {
      const answer = await serve(store).request(path)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('cache-control')).toContain('immutable')
    }
    expect(html.match(/\/pages\//g)).toHaveLength(2)
  })

  test('PLATTE_PAGES=off removes the pages and nothing else', async () => {
    const served = serve(store, { extensions: [] })
    for (const path of paths) expect((await served.request(path)).status).toBe(404)
    expect((await served.request('/healthz')).status).toBe(200)
  })

  test('explanations restricted to operators are not shown to others', async () => {
    const served = serve(store, { explain: { token: 'a token that is long' } })
    const html = await (await served.request(paths[7] ?? '')).text()
    expect(html).toContain('Only operators can ask here')
    expect(html).not.toContain('Update to')
  })

  test('a deployment below a path links to itself there', async () => {
    const html = await (await serve(store, { publicUrl: `${publicUrl}/updates` }).request('/')).text()
    for (const [, href = ''] of html.matchAll(/href="(\/[^"]*)"/g)) expect(href).toMatch(/^\/updates\//)
  })

  test('without PLATTE_PUBLIC_URL, the configuration has a placeholder and a notice', async () => {
    const elsewhere = 'https://packages.example.net'
    const html = await (
      await serve(store, { publicUrl: elsewhere, packagesUrl: elsewhere }).request('/client-config')
    ).text()
    expect(html).toContain('set PLATTE_PUBLIC_URL')
    expect(html).not.toContain('SERVER=https://packages.example.net')
  })
})

describe('the client configuration', () => {
  const read = async (served: ReturnType<typeof serve>, query = '') =>
    (await served.request(`/client-config${query}`)).text()
  const field = (html: string): string | undefined => /<input[^>]* name="lock" value="([^"]*)"/.exec(html)?.[1]

  test('names the lock URL only if the deployment has locks', async () => {
    const without = serve(store)
    expect(field(await read(without))).toBe('')
    const plain = await read(without, '?strategy=best-effort')
    expect(plain).toContain('REBOOT_STRATEGY=reboot\n')
    expect(plain).not.toContain('LOCKSMITHD_ENDPOINT')
    const locks = openLocks({ locking: store.publisher, tokens: [], channels: new Map() })
    const locked = serve(store, { extensions: [sitePages, locks] })
    expect(field(await read(locked))).toBe(publicUrl)
    const turns = await read(locked, '?strategy=best-effort')
    expect(turns).toContain(`REBOOT_STRATEGY=etcd-lock\nLOCKSMITHD_ENDPOINT=${publicUrl}\n`)
    for (const lang of ['en', 'zh']) expect(await read(locked, `?lang=${lang}`)).toContain('URL/lock/TOKEN/')
  })

  test('accepts an alias of a channel, but not a deleted channel', async () => {
    const one = await newStore()
    for (const channel of ['stable', 'edge']) await publishOne(one, '1', { channel })
    await renameChannel(one.publisher, { app, channel: 'stable' }, 'steady')
    await describeChannel(one.publisher, { app, channel: 'steady' }, { aliases: ['stable', 'lts'] })
    await endChannel(one.publisher, { app, channel: 'edge' }, { force: true })
    for (const served of [serve(one), serve(one, { app: undefined })])
      for (const [group, isKnown] of [
        ['steady', true],
        ['stable', true],
        ['lts', true],
        ['edge', false],
        ['nowhere', false],
      ] as const)
        expect((await read(served, `?group=${group}`)).includes(`There is no channel ${group} here`)).toBe(!isKnown)
  })
})

test('a channel named like a route cannot be created, but an existing one can be published to', async () => {
  const one = await newStore()
  await expect(publish(one.publisher, orderOf('1', { channel: 'channels' }))).rejects.toThrow(/cannot be called/)
  const ref = { app, channel: 'notes' }
  await commitChannel(one.publisher, ref, (current) => ({ ...current, description: 'made before' }))
  expect(await publishOne(one, '1', { channel: 'notes' })).toMatchObject({ kind: 'published' })
})
