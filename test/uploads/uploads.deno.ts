/** Serves a folder store that takes uploads from whoever knows the header, and logs to stdout. Meant for Deno. */

import { newCatalogCache } from '../../src/catalog/cache.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { jsonLog } from '../../src/kernel/json-log.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { uploadRoutes } from '../../src/publish-api/routes.ts'
import { createApp } from '../../src/runtime/app.ts'
import { listen, writeAll } from '../../src/runtime/deno.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { loadEnvSigner } from '../../src/runtime/own-settings.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { folderPackages } from '../../src/store/folder/packages.ts'
import { folderUploads } from '../../src/store/folder/uploads.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { authorize } from './authorize.ts'

const [dir = '', pin = '', key = '', partBytes = ''] = process.argv.slice(2)
const log = jsonLog(writeAll)
const documents = folderDocuments(dir, { clock: systemClock })
const packages = folderPackages(dir, { clock: systemClock, newHasher: nodeHasher })
const reader = { documents, pin: parsePin(pin), clock: systemClock, log }
const uploading = {
  ...{ ...reader, packages, release: [], random: systemRandom, newHasher: nodeHasher },
  timestamp: [await loadEnvSigner('KEY', { KEY: key })],
  uploads: folderUploads(dir, { clock: systemClock, partBytes: Number(partBytes) }),
}
const serving = { cache: newCatalogCache(), reader, packages, events: () => {}, publicUrl: 'http://127.0.0.1' }
const { url } = await listen({ host: '127.0.0.1', port: 0 }, () =>
  createApp({ ...serving, background: () => undefined }, uploadRoutes({ uploading, authorize })),
)
log({ level: 'info', event: 'serve', url })
log.flush()
