/** Servers with every route, over folders. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { createApp } from '../../src/runtime/app.ts'
import { openFeatures, servingWith } from '../../src/runtime/compose.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { startServer } from '../../src/runtime/node.ts'
import { serverFeatures } from '../../src/runtime/server.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { transport } from '../../src/runtime/transport.ts'
import { makeFleetFile } from '../pages/fleet.ts'
import { policyFor, startIssuer } from '../publish/issuer.ts'
import { emptyStore } from '../publish/store.ts'
import { makeSceneStore, publicUrl } from '../scenes/fixture.ts'
import type { Document } from './contract.ts'

export const fleetToken = 'a-token-of-the-fleet'
/** As the example of the document. */
export const lockToken = 'a-token-of-a-fleet'

/** What is stopped at the end. */
const started: (() => Promise<void> | void)[] = []

export async function stopAll(): Promise<void> {
  for (const stop of started.splice(0).reverse()) await stop()
}

async function openFolder() {
  const dir = mkdtempSync(join(tmpdir(), 'platte-openapi-'))
  started.push(() => rmSync(dir, { recursive: true }))
  return { dir, ...(await openStore({ kind: 'file', dir })) }
}

type Variables = Readonly<Record<string, string>>

async function start(dir: string, variables: Variables, publisher: Parameters<typeof startServer>[1]) {
  const env = { PLATTE_STORE: `file:${dir}`, PLATTE_PUBLIC_URL: publicUrl, PORT: '0', ...variables }
  const { url, stop } = await startServer(readSettings(env, ['store', 'pin']), publisher)
  started.push(stop)
  return url
}

/** Over the store that scenes play against. */
export async function startScenes(more: Variables = {}): Promise<string> {
  const { dir, documents, packages } = await openFolder()
  const { publisher, pin } = await makeSceneStore(documents, packages)
  return start(dir, { PLATTE_ROOT: pin, PLATTE_LOCKS_CREATE: 'on', ...more }, publisher)
}

/** Everything is on, the store is empty, and machines have reported. */
export async function startEverything() {
  const issuer = await startIssuer()
  started.push(() => issuer.close())
  const { dir, documents, packages } = await openFolder()
  const { publisher, env } = await emptyStore(issuer, documents, packages)
  const file = join(dir, 'fleet.db')
  makeFleetFile(file, Date.now(), 60)
  const fleet = { PLATTE_FLEET_FILE: file, PLATTE_FLEET_TOKEN: fleetToken }
  const actions = [...(policyFor(issuer).rules[0]?.actions ?? []), 'apply']
  const publishing = { PLATTE_PUBLISH_POLICY: JSON.stringify({ v: 1, ...policyFor(issuer, { actions }) }) }
  const all = {
    ...env,
    ...publishing,
    ...fleet,
    PLATTE_LOCKS_CREATE: 'on',
    PLATTE_LOCK_TOKENS: `write:${lockToken}`,
    PLATTE_LOCKS: 'on',
    PLATTE_METRICS: 'on',
  }
  return { issuer, publisher, env: all, url: await start(dir, all, publisher) }
}

export const readDocument = async (url: string): Promise<Document> =>
  (await fetch(`${url}/openapi.json`)).json() as Promise<Document>

/** Paths of the routes of an app with every feature of a server. */
export async function registeredRoutes({ env, publisher }: Awaited<ReturnType<typeof startEverything>>) {
  const settings = readSettings({ ...env, PLATTE_FLEET_FILE: `${env.PLATTE_FLEET_FILE}.2` })
  const reader = { ...publisher, log: () => {} }
  const { packages } = publisher
  const common = { cache: newCatalogCache(), reader, packages, newHasher: nodeHasher }
  const extensions = await openFeatures(serverFeatures, settings, {
    ...{ ...common, random: publisher.random, transport, bindings: {}, openWriter: async () => publisher },
    openUploads: () => Promise.resolve({} as never),
    readText: () => Promise.reject(new Error('there is no file')),
  })
  const serving = servingWith(extensions, settings, {
    ...{ ...common, events: () => {}, publicUrl, background: () => undefined },
  })
  const routes = createApp(serving).routes.map(({ path }) => path)
  for (const { close } of extensions) await close?.()
  return routes
}
