/** Mirrors an upstream into a folder, as `platte mirror` does. Started by mirror.ts. */
import { mkdir } from 'node:fs/promises'
import { openMirroring } from '../../src/mirroring/cli.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import { openStore } from '../../src/runtime/store.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { peakMegabytes, report } from './child.ts'

export interface Mirrored {
  readonly tookMs: number
  readonly peakMegabytes: number
  readonly packages: number
}

const [url = '', dir = '', pin = ''] = process.argv.slice(2)
await mkdir(dir)
const own = {
  ...(await openStore({ kind: 'file', dir })),
  ...{ pin: parsePin(pin), log: () => {}, release: [], timestamp: [] },
}
const mirroring = await openMirroring({ kind: 'http', url }, own)
const began = performance.now()
const { packages } = await mirror(mirroring, { packages: 'all' })
report({ tookMs: performance.now() - began, peakMegabytes: peakMegabytes(), packages } satisfies Mirrored)
