/** An endpoint with the dialects of browsers, over a store in memory, as the runtimes put it together. */
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { openDialects } from '../../src/dialects/feature.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { createApp } from '../../src/runtime/app.ts'
import type { TestStore } from '../world.ts'

const defaultUrl = 'https://updates.example.org'

export { defaultUrl as publicUrl }

export function serveDialects({ publisher }: TestStore, publicUrl = defaultUrl) {
  const contacts: LogEntry[] = []
  const app = createApp({
    ...{ cache: newCatalogCache(), reader: publisher, packages: publisher.packages, publicUrl },
    ...{ extensions: [openDialects(publisher.random)], explain: 'public', background: () => undefined },
    events: (event) => void contacts.push(event),
  })
  const post = async (body: unknown, path = '/service/update2/json') =>
    app.request(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
  return {
    app,
    contacts,
    post,
    get: async (path: string) => app.request(path),
    /** The response of a JSON request. */
    async ask(body: unknown, path?: string) {
      const answer = await post(body, path)
      const text = await answer.text()
      if (answer.status !== 200 || !text.startsWith(")]}'\n")) throw new Error(`${answer.status} ${text}`)
      return JSON.parse(text.slice(5)).response
    },
  }
}
