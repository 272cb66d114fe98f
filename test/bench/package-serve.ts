/** Serves a folder store as `platte serve` does. Started by package.ts. */
import { rootKey } from '../../src/documents/paths.ts'
import { maxRootBytes } from '../../src/documents/root.ts'
import { startServer } from '../../src/runtime/node.ts'
import { openStore } from '../../src/runtime/store.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { peakMegabytes, report } from './child.ts'
import { request } from './world.ts'

export interface Serves {
  /** Of the package that a check is offered. */
  readonly url: string
}

export interface Served {
  readonly peakMegabytes: number
}

const [dir = ''] = process.argv.slice(2)
const store = { kind: 'file', dir } as const
const open = await openStore(store)
const root = await open.documents.get(rootKey(1), maxRootBytes)
if (root === undefined) throw new Error(`${dir} is no store`)
const pin = { version: 1, sha256: await sha256Hex(root.bytes) }
const running = await startServer(
  { store, pin, explain: 'off', host: '127.0.0.1', port: 0 },
  { ...open, pin, release: [], timestamp: [], log: () => {} },
)
const answer = await (await fetch(`${running.url}/v1/update/`, { method: 'POST', body: request })).text()
const [, codebase = '', name = ''] = /codebase="([^"]+)".*?<package name="([^"]+)"/.exec(answer) ?? []
process.on('message', () => report({ peakMegabytes: peakMegabytes() } satisfies Served))
report({ url: codebase + name } satisfies Serves)
