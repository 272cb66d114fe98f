/** Platte on Node: a folder as its store, one process. */
import { mkdir } from 'node:fs/promises'
import type { Server } from 'node:http'
import { serve } from '@hono/node-server'
import { folderDocuments } from '../adapters/folder-documents.ts'
import { folderPackages } from '../adapters/folder-packages.ts'
import { nodeHasher } from '../adapters/hashers.ts'
import { jsonLog, systemClock, systemRandom } from '../adapters/system.ts'
import { PlatteError } from '../errors.ts'
import { createApp } from '../http/app.ts'
import type { Log } from '../ports/log.ts'
import { newCatalogCache, reload } from '../service/catalog-cache.ts'
import type { Publishing } from '../service/publish.ts'
import { loadRoot } from '../service/reading.ts'
import { refresh } from '../service/refresh.ts'
import type { Environment, SettingsWith, StoreSetting } from './config.ts'
import { loadOnlineKeys } from './keys.ts'

/** How often a process with the timestamp key looks whether the catalog is to be refreshed. */
const refreshEveryMs = 60_000
/** How long requests that are running may go on after the signal to stop. */
const graceMs = 10_000

/** What a store setting stands for. */
export const openStore = ({ dir }: StoreSetting) => ({
  documents: folderDocuments(dir, { clock: systemClock }),
  packages: folderPackages(dir, { clock: systemClock, newHasher: nodeHasher }),
  newHasher: nodeHasher,
  clock: systemClock,
  random: systemRandom,
})

/** Makes the folder of a store; one that is there stays. Reading never does: a store that is not mounted is not empty. */
export async function makeStore({ dir }: StoreSetting): Promise<void> {
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => {
    throw new PlatteError(
      'store-unavailable',
      `${dir} cannot be made: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
      },
    )
  })
}

/** Everything that reads and writes the store, with the keys at hand. */
export async function openPublishing(
  settings: SettingsWith<'store' | 'pin'>,
  env: Environment,
  log: Log,
): Promise<Publishing> {
  return { ...openStore(settings.store), ...(await loadOnlineKeys(settings, env)), pin: settings.pin, log }
}

/** A server that runs. */
export interface Running {
  /** Where it listens, without a "/" at the end. */
  readonly url: string
  /** Takes no more requests, lets those that run end (10 s at most), and resolves. */
  stop(): Promise<void>
}

/**
 * Serves update checks and packages; with the timestamp key at hand it also keeps the catalog fresh.
 * @throws PlatteError('configuration') where it listens beyond loopback without PLATTE_PUBLIC_URL or the port is taken,
 *   and whatever keeps the pinned root from being read: without a root it does not start.
 */
export async function startServer(settings: SettingsWith<'store' | 'pin'>, publishing: Publishing): Promise<Running> {
  const isLoopback = /^(127\.|localhost$|::1$)/.test(settings.host)
  if (!isLoopback && !settings.publicUrl)
    throw new PlatteError('configuration', `PLATTE_PUBLIC_URL is missing, and ${settings.host} is not loopback`, {
      hint: 'say where clients reach this, such as https://updates.example.org: offers name packages under it',
    })
  await checkPin(publishing)
  const stopRefreshing = await keepFresh(publishing)
  const cache = newCatalogCache()
  await reload(cache, publishing)
  const listening = await listen(settings, (port) =>
    createApp({
      cache,
      reading: publishing,
      packages: publishing.packages,
      publicUrl: settings.publicUrl ?? `http://${urlHost(settings.host)}:${port}`,
      background: () => (work) => void work,
    }),
  )
  return {
    url: listening.url,
    stop: async () => {
      stopRefreshing()
      await close(listening.server)
    },
  }
}

/** A wrong pin must not start; a store that is down may: it answers `noupdate` until the store is back. */
async function checkPin(publishing: Publishing): Promise<void> {
  try {
    await loadRoot(publishing, publishing.pin.version)
  } catch (error) {
    if (!(error instanceof PlatteError && error.code === 'store-unavailable')) throw error
    publishing.log({ level: 'error', event: 'catalog', problem: error.message })
  }
}

const urlHost = (host: string): string => (host.includes(':') ? `[${host}]` : host)

type Fetch = { readonly fetch: (request: Request) => Response | Promise<Response> }

/** Listens, and serves what `make` makes when the port is known: offers name it. */
export function listen(
  { host, port }: { readonly host: string; readonly port: number },
  make: (port: number) => Fetch,
): Promise<{ server: Server; url: string }> {
  return new Promise((resolve, reject) => {
    let app: Fetch | undefined
    const fetch: Fetch['fetch'] = (request) => app?.fetch(request) ?? new Response(null, { status: 503 })
    const server = serve({ fetch, hostname: host, port }, (info) => {
      app = make(info.port)
      resolve({ server, url: `http://${urlHost(host)}:${info.port}` })
    }) as Server
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new PlatteError('configuration', `cannot listen on ${host} port ${port}: ${error.message}`, {
          hint:
            error.code === 'EADDRINUSE'
              ? 'another process listens there: set PORT to another one'
              : 'check PORT and PLATTE_HOST',
          cause: error,
        }),
      ),
    )
  })
}

async function keepFresh(publishing: Publishing): Promise<() => void> {
  if (publishing.timestamp.length === 0) return () => {}
  const once = async (): Promise<void> => {
    try {
      const { kind, expires } = await refresh(publishing)
      if (kind === 'refreshed') publishing.log({ level: 'info', event: 'refresh', expires })
    } catch (error) {
      publishing.log({
        level: 'error',
        event: 'refresh',
        problem: error instanceof Error ? error.message : String(error),
      })
    }
  }
  await once()
  const timer = setInterval(once, refreshEveryMs)
  return () => clearInterval(timer)
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}

/** One JSON line an entry on a stream; `flush` writes what is still held. */
export const jsonLogTo = (stream: NodeJS.WritableStream): Log & { readonly flush: () => void } =>
  jsonLog((lines) => stream.write(lines))
