/**
 * Pages in a real browser: nothing is asked of another host, nothing is refused by the page's own policy, nothing is
 * wider than the screen, and axe finds no violation. Screenshots go to the folder PLATTE_SCREENSHOTS, where one is named.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContext, chromium as launcher, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listen } from '../../src/runtime/node.ts'
import { app, day, type TestStore } from '../world.ts'
import { fleetPagesOver, makeFleetFile, token } from './fleet.ts'
import { adminToken, makeGroups, serveLocks } from './locks.ts'
import { chromium } from './reporter.ts'
import { type Show, shows } from './shows.ts'
import { newPageStore } from './store.ts'

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'].concat([
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
])

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const folder = process.env.PLATTE_SCREENSHOTS

describe.skipIf(chromium === undefined)('in Chromium', () => {
  let browser: Browser
  let store: TestStore
  let url: string
  let close: () => void
  const dir = mkdtempSync(join(tmpdir(), 'platte-pages-'))

  beforeAll(async () => {
    if (folder) mkdirSync(folder, { recursive: true })
    store = await newPageStore()
    const file = join(dir, 'fleet.db')
    makeFleetFile(file, store.time.now, 600)
    // By http, so that the browser keeps the cookie.
    const more = { publicUrl: 'http://127.0.0.1' }
    await makeGroups(store)
    const app = await serveLocks(store, { others: [fleetPagesOver(store, file)], ...more })
    const listening = await listen({ host: '127.0.0.1', port: 0 }, () => app)
    url = listening.url
    close = () => void listening.server.close()
    browser = await launcher.launch({ executablePath: chromium ?? '', args: flags })
  })
  afterAll(async () => {
    await browser.close()
    close()
    rmSync(dir, { recursive: true })
  })

  /** Signs in as a person does. */
  async function signIn(page: Page, path: string): Promise<void> {
    await page.goto(url + path)
    await page.locator('#token').fill(path.startsWith('/locks') ? adminToken : token)
    await page.locator('main button').click()
    await page.locator('.tools').waitFor()
  }

  const isPrivate = (path: string): boolean => /^\/(fleet|locks)/.test(path)

  /** Opens a page, and lists what it asked for and what it complained about. */
  async function open({ path, scheme, size, scripts, lang }: Omit<Show, 'name'>) {
    const context = await browser.newContext({
      viewport: size,
      colorScheme: scheme,
      javaScriptEnabled: scripts,
      locale: lang,
      bypassCSP: false,
    })
    // In a page of its own: what it still asks for is not of the page that is looked at.
    if (isPrivate(path)) {
      const first = await context.newPage()
      await signIn(first, path)
      await first.close()
    }
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => void complaints.push(message.text()))
    page.on('pageerror', (error) => void complaints.push(error.message))
    page.on('requestfailed', (request) => void complaints.push(`failed: ${request.url()}`))
    page.on('request', (request) => {
      if (!request.url().startsWith(url)) complaints.push(`asked ${request.url()}`)
    })
    const answer = await page.goto(url + path)
    return { context, page, complaints, status: answer?.status() }
  }

  /** What axe says, in a context of its own: pages allow no scripts, also not this one. */
  async function violations({ path, scheme, size, lang }: Omit<Show, 'name'>): Promise<readonly string[]> {
    const context: BrowserContext = await browser.newContext({
      viewport: size,
      colorScheme: scheme,
      locale: lang,
      bypassCSP: true,
    })
    const page: Page = await context.newPage()
    if (isPrivate(path)) await signIn(page, path)
    await page.goto(url + path)
    for (const one of await page.locator('details').all())
      await one.evaluate((element) => element.setAttribute('open', ''))
    await page.evaluate(axe)
    const results: AxeResults = await page.evaluate(
      'axe.run(document, { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } })',
    )
    await context.close()
    return results.violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`,
    )
  }

  test.each(shows)('$name', async ({ name, ...show }) => {
    const { context, page, complaints, status } = await open(show)
    expect(complaints.filter((one) => !/status of 4\d\d/.test(one))).toEqual([])
    expect(status).toBe(/nothing/.test(name) ? 404 : /wrong/.test(name) ? 400 : 200)
    const wide = await page.locator('html').evaluate((element) => element.scrollWidth - element.clientWidth)
    expect(wide).toBe(0)
    await page.setViewportSize({ ...show.size, width: Math.min(show.size.width, 320) })
    expect(await page.locator('html').evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0)
    await page.setViewportSize(show.size)
    const background = await page.evaluate('getComputedStyle(document.body).backgroundColor')
    expect(background).toBe(show.scheme === 'dark' ? 'rgb(16, 22, 28)' : 'rgb(246, 247, 249)')
    expect(await page.locator('html').getAttribute('lang')).toBe(show.lang === 'en' ? 'en' : 'zh-Hans')
    if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
    await context.close()
    expect(await violations(show)).toEqual([])
  })

  const desktop = { scheme: 'light', size: { width: 1280, height: 900 }, scripts: false, lang: 'en' } as const

  test('the first tab stop skips to the content, and the form submits without scripts', async () => {
    const { context, page } = await open({ ...desktop, path: '/explain' })
    await page.keyboard.press('Tab')
    expect(await page.locator(':focus').innerText()).toBe('Skip to content')
    await page.locator('#app').selectOption(app)
    const texts = { channel: 'stable', version: '4081.2.0', board: 'amd64-usr' }
    for (const [name, text] of Object.entries(texts)) await page.locator(`#${name}`).fill(text)
    await page.locator('#board').press('Enter')
    await page.waitForURL(/version=4081\.2\.0/)
    expect(await page.locator('.answer').innerText()).toBe('Update to 4372.2.0')
    await context.close()
  })

  test('navigation works from the home page to a release by its anchor, and between the languages', async () => {
    const { context, page } = await open({ ...desktop, path: '/' })
    await page.getByRole('link', { name: 'stable', exact: true }).first().click()
    await page.locator('.timeline').getByRole('link', { name: '4372.2.0', exact: true }).click()
    expect(page.url()).toMatch(/\/stable\?from=4372\.2\.0#4372\.2\.0$/)
    expect(await page.locator(':target h3').innerText()).toBe('4372.2.0')
    await page.getByRole('link', { name: '简体中文' }).click()
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-Hans')
    await page.getByRole('link', { name: '客户端配置' }).first().click()
    expect(await page.locator('h1').innerText()).toBe('客户端配置')
    await page.getByRole('link', { name: 'English' }).click()
    expect(await page.locator('h1').innerText()).toBe('Client configuration')
    await context.close()
  })

  test('a machine is searched, and found through its state, its channel and its release', async () => {
    const { context, page } = await open({ ...desktop, path: '/fleet' })
    await page.getByRole('link', { name: 'stable', exact: true }).click()
    await page.getByRole('link', { name: '4593.2.0', exact: true }).last().click()
    expect(await page.locator('h1').innerText()).toBe('4593.2.0')
    // Without it, paper has a legend without colours.
    const dot = 'getComputedStyle(document.querySelector(".legend .dot"))'
    expect(await page.evaluate(`${dot}.printColorAdjust`)).toBe('exact')
    await page.getByRole('link', { name: '10 payload-hash' }).click()
    expect(await page.locator('#state').inputValue()).toBe('failed')
    const states = await page.locator('tbody .state').allInnerTexts()
    expect([states.length, [...new Set(states)]]).toEqual([2, ['failed']])
    expect(await page.locator('#target').inputValue()).toBe('4593.2.0')
    await page.getByRole('link', { name: 'Show all' }).click()
    await page.locator('#search').fill('db-0025')
    await page.locator('#search').press('Enter')
    await page.getByRole('link', { name: 'fe1e0123456789abfe1e01235ee00019' }).click()
    expect(await page.locator('.steps li').count()).toBeGreaterThan(3)
    await page.getByRole('link', { name: 'What is it offered, and why?' }).click()
    expect(await page.locator('.answer').innerText()).toBe('No update')
    await page.getByRole('link', { name: /^Fleet: fe1e/ }).click()
    expect(await page.locator('h1').innerText()).toMatch(/fe1e0123456789abfe1e01235ee00019/)
    await context.close()
  })

  test('machines are sorted and paged by the page’s own controls', async () => {
    const { context, page } = await open({ ...desktop, path: '/fleet/machines' })
    await page.locator('#sort').selectOption('silent')
    await page.locator('#channel').selectOption('stable')
    await page.getByRole('button', { name: 'Show' }).click()
    const contacts: string[] = []
    const machines = new Set<string>()
    const shown = async (): Promise<string> => await page.locator('.pager span').innerText()
    const first = await page.locator('.machines').innerText()
    expect(await shown()).toBe('1 to 50 of 420')
    for (;;) {
      for (const row of await page.locator('tbody tr').all()) {
        contacts.push((await row.locator('time').last().getAttribute('datetime')) ?? '')
        machines.add(await row.locator('code').innerText())
      }
      if ((await page.getByRole('link', { name: 'Next page' }).count()) === 0) break
      await page.getByRole('link', { name: 'Next page' }).click()
    }
    expect(await shown()).toBe('401 to 420 of 420')
    expect([contacts.length, machines.size]).toEqual([420, 420])
    expect(contacts).toEqual(contacts.toSorted())
    await page.getByRole('link', { name: 'Previous page' }).click()
    expect(await shown()).toBe('351 to 400 of 420')
    await page.getByRole('link', { name: 'First page' }).click()
    expect(await page.locator('.machines').innerText()).toBe(first)
    await context.close()
  })

  test('a wrong token, signing in where one wanted to go, and signing out', async () => {
    const context = await browser.newContext({ viewport: desktop.size, locale: 'en', javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(`${url}/fleet/machines?state=failed`)
    await page.locator('#token').fill('a wrong one')
    await page.locator('#token').press('Enter')
    expect(await page.getByRole('alert').innerText()).toBe('This is not the token.')
    if (folder) await page.screenshot({ path: join(folder, 'fleet-sign-in.png') })
    await page.locator('#token').fill(token)
    await page.locator('#token').press('Enter')
    expect(page.url()).toBe(`${url}/fleet/machines?state=failed`)
    expect(await page.evaluate('document.cookie')).toBe('')
    await page.getByRole('button', { name: 'Sign out' }).click()
    expect(await page.locator('#token').count()).toBe(1)
    await context.close()
  })

  test('a slot is freed by clicks, after a page that asks', async () => {
    const { context, page } = await open({ ...desktop, path: '/locks' })
    await page.getByRole('link', { name: 'workers', exact: true }).click()
    const machine = '0123456789abcdef0123456789abcdef'
    const row = page.locator('tr', { hasText: machine }).first()
    await row.getByRole('link', { name: 'Free the slot …' }).click()
    expect(await page.locator('h1').innerText()).toBe('Free this slot?')
    await page.getByRole('link', { name: 'Back' }).click()
    await row.getByRole('link', { name: 'Free the slot …' }).click()
    await page.getByRole('button', { name: 'Free the slot' }).click()
    expect(await page.getByRole('status').innerText()).toBe(`The slot of ${machine} is free.`)
    expect(await page.locator('table').first().innerText()).not.toContain(machine)
    expect(await page.locator('table').last().innerText()).toContain('operator: alice')
    // The page that asked is of a slot that is gone.
    await page.goBack()
    expect(await page.getByRole('alert').innerText()).toMatch(/^Nothing was changed/)
    await context.close()
  })

  test('on a phone, one finds what a machine gets, and selects its configuration by a tap', async () => {
    const context = await browser.newContext({
      ...{ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: 'en' },
    })
    const page = await context.newPage()
    await page.goto(url)
    await page.getByRole('link', { name: 'stable', exact: true }).first().tap()
    await page.getByRole('link', { name: 'What does a machine get?' }).tap()
    expect(await page.locator('#app option:checked').innerText()).toBe('Flatcar Container Linux')
    expect(await page.locator('#channel').inputValue()).toBe('stable')
    await page.locator('#version').fill('4372.2.0')
    await page.locator('#board').fill('amd64-usr')
    await page.locator('#machine').fill('0123456789abcdef0123456789abcdef')
    await page.getByRole('button', { name: 'Explain' }).tap()
    expect(await page.locator('.answer').innerText()).toMatch(/^(?:Update to 4593\.2\.0|No update)$/)
    await page.getByRole('link', { name: 'Client configuration' }).tap()
    await page.locator('pre').first().tap()
    const selected = await page.evaluate('getSelection().toString()')
    expect(selected).toMatch(/^GROUP=stable\n[\s\S]*SERVER=http/)
    await context.close()
  })

  test('print has no navigation, and is black on white', async () => {
    const { context, page } = await open({ ...desktop, scheme: 'dark', path: '/' })
    await page.emulateMedia({ media: 'print' })
    expect(await page.getByRole('navigation').first().isVisible()).toBe(false)
    expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(0, 0, 0)')
    await context.close()
  })

  test('an expired catalog is shown in red, and passes axe', async () => {
    const before = store.time.now
    store.time.now += 15 * day
    try {
      const { context, page } = await open({ ...desktop, path: '/' })
      const alert = page.getByRole('alert')
      expect(await alert.innerText()).toMatch(/Nothing is offered: expired/)
      expect(await page.evaluate('getComputedStyle(document.querySelector("[role=alert] h2")).color')).toBe(
        'rgb(163, 22, 31)',
      )
      await context.close()
      expect(await violations({ ...desktop, path: '/' })).toEqual([])
    } finally {
      store.time.now = before
    }
  })
})
