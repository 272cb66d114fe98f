/**
 * The real Chromium gets an extension by policy, updates it, and stays where a release is held; from Node and from workerd.
 * Chromium reads policies from /etc alone, so this needs root.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { type BrowserContext, chromium as launcher } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createTestHarness } from 'wrangler'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { publish } from '../../src/channels/publish.ts'
import type { Source } from '../../src/channels/staging.ts'
import { renderExtensionPolicy } from '../../src/clients/extension.ts'
import { openDialects } from '../../src/dialects/feature.ts'
import { createApp } from '../../src/runtime/app.ts'
import { listen } from '../../src/runtime/node.ts'
import { formatPin } from '../../src/trust/verify-root.ts'
import { holdRelease, unholdRelease } from '../changes.ts'
import { archiveOf, crxOf, idOf, rsa } from '../crx/make.ts'
import { fillBucket } from '../runtimes/bucket.ts'
import { minute, newStore, orderOf, type TestStore } from '../world.ts'
import { chromium } from './reporter.ts'

const policies = '/etc/chromium/policies/managed'
const policy = join(policies, 'platte-test.json')
const path = '/service/update2/crx'
const id = idOf(rsa)
/** Where the extension says that it is updated; nobody answers there. */
const elsewhere = 'http://127.0.0.1:9/'
/** For hangs. */
const patience = { timeout: 120_000, interval: 200 }

interface Endpoint {
  readonly answer: (request: Request) => Promise<Response>
  /** After each change of the store. */
  readonly changed?: () => Promise<void>
  readonly close?: () => Promise<void>
}

async function onNode({ publisher }: TestStore, publicUrl: string): Promise<Endpoint> {
  const { fetch } = createApp({
    ...{ cache: newCatalogCache(), reader: publisher, packages: publisher.packages, events: () => {}, publicUrl },
    ...{ extensions: [openDialects(publisher.random)], background: () => undefined },
  })
  return { answer: async (request) => fetch(request) }
}

/** At the time of the store, which the Worker gets with each request. */
async function onWorkerd({ publisher, time }: TestStore, publicUrl: string): Promise<Endpoint> {
  const root = resolve(import.meta.dirname, '../..')
  const main = resolve(root, 'test/runtimes/clocked.worker.ts')
  const vars = { PLATTE_ROOT: formatPin(publisher.pin), PLATTE_PUBLIC_URL: publicUrl }
  const bucket = { binding: 'PLATTE_BUCKET', bucket_name: 'platte' }
  const config = {
    name: 'extension',
    main,
    vars,
    compatibility_date: '2026-10-01',
    send_metrics: false,
    r2_buckets: [bucket],
  }
  const server = createTestHarness({ root, workers: [{ config }] })
  const { url } = await server.listen()
  const { PLATTE_BUCKET } = await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>().getEnv()
  return {
    answer: async ({ url: asked, headers }) => {
      const { pathname, search } = new URL(asked)
      const more = { 'x-test-now': `${time.now}`, 'accept-encoding': 'identity' }
      const { status, body } = await fetch(new URL(pathname + search, url), {
        headers: { ...Object.fromEntries(headers), ...more },
      })
      return new Response(body, { status })
    },
    changed: async () => {
      await PLATTE_BUCKET.delete('catalog.jws')
      await fillBucket(PLATTE_BUCKET, publisher)
    },
    close: () => server.close(),
  }
}

describe.skipIf(chromium === undefined).each([
  ['Node', onNode],
  ['workerd', onWorkerd],
] as const)('an extension that comes by policy, from %s', async (_, open) => {
  let dir = ''
  const store = await newStore()
  const asked: string[] = []
  let endpoint: Endpoint | undefined
  let browser: BrowserContext | undefined
  let url = ''
  let stop = async () => {}

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'platte-extension-'))
    const fetch = async (request: Request) => {
      const response = (await endpoint?.answer(request)) ?? new Response(null, { status: 503 })
      asked.push(`${response.status} ${new URL(request.url).pathname.replace(/[^/]+\/x\.crx$/, 'x.crx')}`)
      return response
    }
    ;({ url, stop } = await listen({ host: '127.0.0.1', port: 0 }, () => ({ fetch })))
    endpoint = await open(store, url)
    await publishVersion('1.0')
    mkdirSync(policies, { recursive: true })
    writeFileSync(policy, renderExtensionPolicy({ url, app: id, channel: 'stable' }))
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe']
    const args = [...flags, `--user-data-dir=${dir}`]
    browser = await launcher.launchPersistentContext(dir, {
      ...{ executablePath: chromium ?? '', ignoreDefaultArgs: true, args },
    })
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(policy, { force: true })
    await stop()
    await endpoint?.close?.()
    rmSync(dir, { recursive: true, force: true })
  })

  async function publishVersion(version: string): Promise<void> {
    const bytes = crxOf(archiveOf({ name: 'Platte', version, manifest_version: 3, update_url: elsewhere }))
    const open = () => new Blob([new Uint8Array(bytes)]).stream()
    const sources: readonly [Source] = [{ name: 'x.crx', size: bytes.length, open }]
    await publish(store.publisher, orderOf(version, { app: id, board: 'any', sources }))
    await endpoint?.changed?.()
  }

  const isInstalled = async (version: string): Promise<void> => {
    const folder = join(dir, 'Default/Extensions', id)
    await vi.waitFor(() => expect(existsSync(folder) ? readdirSync(folder) : []).toContain(`${version}_0`), patience)
  }

  /** As the button on the browser's page of extensions. @returns the first thing that it asks for. */
  async function checkForUpdates(): Promise<string | undefined> {
    // The endpoint reads its catalog again.
    store.time.now += minute
    await endpoint?.changed?.()
    const before = asked.length
    const page = await browser?.newPage()
    await page?.goto('chrome://extensions')
    await page?.evaluate('chrome.developerPrivate.autoUpdate()')
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(before), patience)
    await page?.close()
    return asked[before]
  }

  test('is installed, updated, and kept where the next version is held', async () => {
    await isInstalled('1.0')
    await publishVersion('2.0')
    expect(await checkForUpdates()).toBe(`200 ${path}`)
    await isInstalled('2.0')
    await publishVersion('3.0')
    const [held, reason] = [{ app: id, channel: 'stable' }, 'why']
    await holdRelease(store.publisher, held, { version: '3.0', reason })
    for (let n = 0; n < 2; n++) expect(await checkForUpdates()).toBe(`200 ${path}`)
    await unholdRelease(store.publisher, held, { version: '3.0' })
    expect(await checkForUpdates()).toBe(`200 ${path}`)
    await isInstalled('3.0')
    const got = ['1.0', '2.0', '3.0'].map((version) => `200 /packages/${id}/${version}/any/x.crx`)
    const check = `200 ${path}`
    expect(asked).toEqual([check, got[0], check, got[1], check, check, check, got[2]])
  })
})
