/** Serves a folder store that takes uploads from whoever knows the header, and logs to stdout. Meant for Deno. */
import { folderDocuments } from '../../src/adapters/folder-documents.ts'
import { folderPackages } from '../../src/adapters/folder-packages.ts'
import { folderUploads } from '../../src/adapters/folder-uploads.ts'
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { jsonLog, systemClock, systemRandom } from '../../src/adapters/system.ts'
import { createApp } from '../../src/http/app.ts'
import { uploadRoutes } from '../../src/http/uploads.ts'
import { listen, writeAll } from '../../src/runtime/deno.ts'
import { loadEnvSigner } from '../../src/runtime/env-keys.ts'
import { newCatalogCache } from '../../src/service/catalog-cache.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { authorize } from './authorize.ts'

const [dir = '', pin = '', key = '', partBytes = ''] = process.argv.slice(2)
const log = jsonLog(writeAll)
const documents = folderDocuments(dir, { clock: systemClock })
const packages = folderPackages(dir, { clock: systemClock, newHasher: nodeHasher })
const reading = { documents, pin: parsePin(pin), clock: systemClock, log }
const uploading = {
  ...{ ...reading, packages, release: [], random: systemRandom, newHasher: nodeHasher },
  timestamp: [await loadEnvSigner('KEY', { KEY: key })],
  uploads: folderUploads(dir, { clock: systemClock, partBytes: Number(partBytes) }),
}
const serving = { cache: newCatalogCache(), reading, packages, events: () => {}, publicUrl: 'http://127.0.0.1' }
const { url } = await listen({ host: '127.0.0.1', port: 0 }, () =>
  createApp({ ...serving, background: () => undefined }, uploadRoutes({ uploading, authorize })),
)
log({ level: 'info', event: 'serve', url })
log.flush()
