import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { graph } from '../../src/cincinnati/feature.ts'
import { coreUpdateLists } from '../../src/coreupdate/feature.ts'
import { openDialects } from '../../src/dialects/feature.ts'
import type { Environment } from '../../src/kernel/setting.ts'
import { openLocks } from '../../src/locks/http/routes.ts'
import { type LockToken, parseLockTokens } from '../../src/locks/settings.ts'
import { createApp } from '../../src/runtime/app.ts'
import { startServer } from '../../src/runtime/node.ts'
import type { Running } from '../../src/runtime/server.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { lockTokens, makeSceneStore, packagesUrl, publicUrl } from './fixture.ts'
import { lookAtPages } from './pages.ts'
import { elsewhereNames, playScene, sceneNames } from './runner.ts'
import { sendInside, sendOver } from './send.ts'

describe('in this process', async () => {
  const { publisher } = await makeSceneStore()
  const locksOf = (tokens: readonly LockToken[]) =>
    openLocks({ locking: publisher, tokens, channels: new Map(), creates: true })
  const serving = {
    cache: newCatalogCache(),
    reader: publisher,
    packages: publisher.packages,
    events: publisher.log,
    publicUrl,
    explain: 'public' as const,
    extensions: [coreUpdateLists, graph, locksOf([]), openDialects(publisher.random)],
    background: () => undefined,
  }
  const { fetch } = createApp(serving)
  test.each(sceneNames)('%s', (name) => playScene(name, sendInside(fetch), { rewrite: true }))
  const locks = locksOf(parseLockTokens(lockTokens))
  const elsewhere = createApp({ ...serving, packagesUrl, extensions: [coreUpdateLists, locks] })
  test.each(elsewhereNames)('%s', (name) => playScene(name, sendInside(elsewhere.fetch), { rewrite: true }))
})

describe('Node over a socket', () => {
  let running: Running
  let elsewhere: Running
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'platte-scenes-'))
    const { documents, packages } = await openStore({ kind: 'file', dir })
    const { publisher, pin } = await makeSceneStore(documents, packages)
    const env = {
      PLATTE_STORE: `file:${dir}`,
      PLATTE_ROOT: pin,
      PLATTE_PUBLIC_URL: publicUrl,
      PORT: '0',
      PLATTE_LOCKS: 'on',
      PLATTE_LOCKS_CREATE: 'on',
    }
    const start = (settings: Environment) => startServer(readSettings(settings, ['store', 'pin']), publisher)
    running = await start(env)
    elsewhere = await start({ ...env, PLATTE_PACKAGES_URL: packagesUrl, PLATTE_LOCK_TOKENS: lockTokens })
  })
  afterAll(async () => {
    await Promise.all([running.stop(), elsewhere.stop()])
    await rm(dir, { recursive: true })
  })
  test.each(sceneNames)('%s', (name) => playScene(name, sendOver(running.url)))
  test.each(elsewhereNames)('%s', (name) => playScene(name, sendOver(elsewhere.url)))
  test('pages and feeds', () => lookAtPages(sendOver(running.url)))
})
