/** Serves a new folder store that takes uploads from everybody. Started by package-upload.ts. */
import { mkdir } from 'node:fs/promises'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { uploadRoutes } from '../../src/publish-api/routes.ts'
import { createApp } from '../../src/runtime/app.ts'
import { listen } from '../../src/runtime/node.ts'
import { openStore, openUploadsOf } from '../../src/runtime/store.ts'
import { peakMegabytes, report } from './child.ts'
import type { Served, Serves } from './package-serve.ts'
import { newStore } from './world.ts'

const [dir = ''] = process.argv.slice(2)
await mkdir(dir)
const setting = { kind: 'file', dir } as const
const publisher = await newStore(new Map(), await openStore(setting))
const { packages } = publisher
const uploading = { ...publisher, uploads: await openUploadsOf(setting, packages) }
const { url } = await listen({ host: '127.0.0.1', port: 0 }, () =>
  createApp(
    {
      ...{ cache: newCatalogCache(), reader: publisher, packages, events: () => {}, publicUrl: 'http://127.0.0.1' },
      background: () => undefined,
    },
    uploadRoutes({ uploading, authorize: async () => undefined }),
  ),
)
process.on('message', () => report({ peakMegabytes: peakMegabytes() } satisfies Served))
report({ url } satisfies Serves)
