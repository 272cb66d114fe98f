/**
 * New paths never shadow a channel that exists. Channels have files of their own below their names
 * (`/stable/amd64-usr/current/version.txt`), and a store of any age may hold a channel of any name that was free when it
 * was made. So the names that no channel may have are frozen with format 1, and a new route goes below one of them.
 */
import { expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import type { Serving } from '../../src/checks/serving.ts'
import { openDialects } from '../../src/dialects/feature.ts'
import { isName } from '../../src/documents/fields.ts'
import { isTakenPath } from '../../src/documents/paths.ts'
import { openLocks } from '../../src/locks/http/routes.ts'
import { openScrapes } from '../../src/metrics/open.ts'
import { publishPaths } from '../../src/publish-api/routes.ts'
import { createApp } from '../../src/runtime/app.ts'
import { pageRoutes } from '../../src/site/pages/answer.ts'
import { iconPath, stylePath } from '../../src/site/pages/style.ts'
import { newStore } from '../world.ts'

/** As of format 1. A name that is added here takes its path from a channel somewhere. */
const frozen = [
  ...['v1', 'v2', 'omaha', 'packages', 'root', 'apps', 'notes', 'catalog.jws', 'healthz', 'metrics', 'lock', 'locks'],
  ...['channels', 'explain', 'client-config', 'pages', 'releases-json', 'robots.txt', 'favicon.ico'],
]

/** What clients have built in. No file of a channel has such a path, so a channel of this name keeps all of its own. */
const builtIn = ['/service/update2/json', '/service/update2/crx']

/** The first segment of a path, or of the form of one; empty where any name may stand there. */
const firstOf = (path: string): string =>
  /^\/([a-z0-9._-]+)/.exec(path.replace(/\\(.)/g, '$1').replace(/^\^/, ''))?.[1] ?? ''

test('every route is below a name that no channel may have', async () => {
  const { publisher } = await newStore()
  const cache = newCatalogCache()
  const parts = { cache, reader: publisher, random: publisher.random, gauges: async () => [] }
  const serving: Serving = {
    ...{ cache, reader: publisher },
    packages: publisher.packages,
    events: publisher.log,
    publicUrl: 'https://updates.example.org',
    explain: 'public',
    extensions: [
      openLocks({ locking: publisher, tokens: [], channels: new Map() }),
      await openScrapes(undefined, parts),
      openDialects(publisher.random),
    ],
    background: () => undefined,
  }
  const app = createApp(serving)
  const paths = [
    ...app.routes.map(({ path }) => path),
    ...publishPaths,
    ...pageRoutes.map(([form]) => form.source),
    ...[stylePath, iconPath],
  ]
  expect(paths.length).toBeGreaterThan(25)
  const firsts = [...new Set(paths.filter((path) => !builtIn.includes(path)).map(firstOf))].filter((name) =>
    isName(name),
  )
  expect(firsts).toContain('channels')
  expect(firsts.filter((name) => !frozen.includes(name))).toEqual([])
})

test('the reserved names are those of format 1', () => {
  expect(frozen.filter((name) => !isTakenPath(name))).toEqual([])
  for (const name of ['stable', 'alpha', 'v3', 'api', 'admin', 'static', 'assets', 'login'])
    expect(isTakenPath(name)).toBe(false)
})

test('paths that clients have built in are of no channel', () => {
  for (const path of builtIn) expect(pageRoutes.filter(([form]) => form.test(path))).toEqual([])
  expect(pageRoutes.filter(([form]) => form.test('/service/amd64-usr/current/version.txt'))).toHaveLength(1)
})
