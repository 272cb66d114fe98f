/** Makes a folder store and publishes one file into it, as `platte publish` does. Started by package.ts. */
import { mkdir } from 'node:fs/promises'
import { publish } from '../../src/channels/publish.ts'
import { fileSource } from '../../src/runtime/files.ts'
import { openStore } from '../../src/runtime/store.ts'
import { peakMegabytes, report } from './child.ts'
import { app, newStore } from './world.ts'

export interface Published {
  readonly tookMs: number
  readonly peakMegabytes: number
}

const [store = '', file = ''] = process.argv.slice(2)
await mkdir(store)
const publisher = await newStore(new Map(), await openStore({ kind: 'file', dir: store }))
const began = performance.now()
const { packages } = await publish(publisher, {
  app,
  channel: 'beta',
  version: '4593.2.0',
  board: 'amd64-usr',
  raw: true,
  sources: [await fileSource(file)],
  create: true,
})
if (packages.length !== 1) throw new Error('one package was expected')
report({ tookMs: performance.now() - began, peakMegabytes: peakMegabytes() } satisfies Published)
