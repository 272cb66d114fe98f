/** The endpoint over a store, as the runtimes put it together. */
import { newCatalogCache } from '../src/catalog/cache.ts'
import type { Publisher } from '../src/channels/publish.ts'
import type { Extension } from '../src/checks/serving.ts'
import { coreUpdateLists } from '../src/coreupdate/feature.ts'
import { createApp } from '../src/runtime/app.ts'

export const appOf = (publisher: Publisher, ...more: readonly Extension[]) =>
  createApp({
    cache: newCatalogCache(),
    reader: publisher,
    packages: publisher.packages,
    events: () => {},
    publicUrl: 'https://updates.example.org',
    background: () => undefined,
    extensions: [...more, coreUpdateLists],
  })
