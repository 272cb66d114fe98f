/** Serves a new folder store that takes uploads from everybody. Started by package-upload.ts. */
import { mkdir } from 'node:fs/promises'
import { createApp } from '../../src/http/app.ts'
import { uploadRoutes } from '../../src/http/uploads.ts'
import { listen } from '../../src/runtime/node.ts'
import { openStore, openUploadsOf } from '../../src/runtime/store.ts'
import { newCatalogCache } from '../../src/service/catalog-cache.ts'
import { peakMegabytes, report } from './child.ts'
import type { Served, Serves } from './package-serve.ts'
import { newStore } from './world.ts'

const [dir = ''] = process.argv.slice(2)
await mkdir(dir)
const setting = { kind: 'file', dir } as const
const publishing = await newStore(new Map(), await openStore(setting))
const { packages } = publishing
const uploading = { ...publishing, uploads: await openUploadsOf(setting, packages) }
const { url } = await listen({ host: '127.0.0.1', port: 0 }, () =>
  createApp(
    {
      ...{ cache: newCatalogCache(), reading: publishing, packages, events: () => {}, publicUrl: 'http://127.0.0.1' },
      background: () => undefined,
    },
    uploadRoutes({ uploading, authorize: async () => {} }),
  ),
)
process.on('message', () => report({ peakMegabytes: peakMegabytes() } satisfies Served))
report({ url } satisfies Serves)
