/** Pages: what the home page costs beside a handler of the same bytes, how long it keeps the process, and how long pages are. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { Hono } from 'hono'
import { html, raw } from 'hono/html'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { newPageStore, serve } from '../pages/store.ts'
import { app } from '../world.ts'
import { type AsyncWork, compare } from './loops.ts'
import { atLeast, atMost, type Result, type Row } from './row.ts'

const channels = 12
/** So many pages are rendered one after the other while the event loop is watched. */
const watchedPages = 150
/** A page is not to keep a check waiting for longer, in milliseconds. */
const mostBlockedMs = 50
const mostBytes = 50_000

const paths: readonly (readonly [name: string, path: string])[] = [
  ['home, 12 channels', '/'],
  ['channel', `/channels/${app}/stable`],
  ['explain', `/explain?app=${app}&channel=stable&version=4081.2.0&board=amd64-usr`],
  ['client-config', '/client-config'],
]

export const pagesRow: Row = {
  name: 'pages',
  isLong: true,
  run: async ({ seconds }) => {
    const served = await twelveChannels()
    const body = await (await served.request('/')).text()
    const bare = new Hono().get('/', (c) => c.html(html`${raw(body)}`))
    const ask =
      (it: Pick<Hono, 'request'>): AsyncWork =>
      async () =>
        (await it.request('/')).text()
    const { value: ratio, low, high, micros } = await compare(ask(served), ask(bare), seconds)
    const home = { value: micros, unit: 'µs', ratio, low, high, against: 'bare hono/html', goal: atLeast(ratio, 0.05) }
    return [{ name: 'pages: home, 12 channels', ...home }, await longestBlock(served), ...(await sizes(served))]
  },
}

/** alpha, beta, stable, and followers of stable. */
async function twelveChannels(): Promise<Hono> {
  const store = await newPageStore()
  for (let i = 4; i < channels; i++)
    await commitChannel(store.publisher, { app, channel: `fleet-${i}` }, (current) => ({
      ...current,
      follow: { channel: 'stable', over: 'PT48H' },
    }))
  await refresh(store.publisher)
  return serve(store)
}

async function longestBlock(served: Hono): Promise<Result> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  for (let i = 0; i < watchedPages; i++) {
    await (await served.request('/')).text()
    await setImmediate()
  }
  delay.disable()
  const value = delay.percentile(99.9) / 1e6
  return { name: 'pages: longest block, p99.9', value, unit: 'ms', goal: atMost(value, mostBlockedMs) }
}

const sizes = (served: Hono): Promise<readonly Result[]> =>
  Promise.all(
    paths.map(async ([name, path]) => {
      const value = (await (await served.request(path)).arrayBuffer()).byteLength
      return { name: `pages: bytes of ${name}`, value, unit: 'B', goal: atMost(value, mostBytes) }
    }),
  )
