/** Platte's own server over a folder that can be away, which says how much memory it holds. Started by soak.ts. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../../src/kernel/clock.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { jsonLogTo, startServer } from '../../src/runtime/node.ts'
import { openStore } from '../../src/runtime/store.ts'
import type { Documents } from '../../src/store/documents.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { report } from './child.ts'

const [dir = '', pin = ''] = process.argv.slice(2)
setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

let isAway = false
const store = await openStore({ kind: 'file', dir })
const get: Documents['get'] = async (...asked) => {
  if (isAway) throw new PlatteError('store-unavailable', 'the store is away')
  return store.documents.get(...asked)
}
const log = jsonLogTo(process.stdout)
const settings = {
  explain: 'off',
  host: '127.0.0.1',
  port: 0,
  store: { kind: 'file', dir },
  pin: parsePin(pin),
} as const
const running = await startServer(settings, {
  ...{ ...store, documents: { ...store.documents, get }, pin: settings.pin, log, release: [], timestamp: [] },
  ...{ clock: systemClock, random: systemRandom },
})

process.on('message', async (message) => {
  isAway = message === 'away' || (isAway && message === 'sample')
  if (message === 'sample') {
    collectGarbage()
    const { heapUsed, rss } = process.memoryUsage()
    report({ heap: heapUsed / 1e6, rss: rss / 1e6 })
  }
  if (message === 'stop') {
    await running.stop()
    log.flush()
    process.stdout.end(() => process.exit(0))
  }
})
report({ url: running.url })
