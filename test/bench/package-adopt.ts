/** Adopts from an Omaha server into a new folder store, as `platte adopt` does. Started by package.ts. */
import { mkdir } from 'node:fs/promises'
import { openStore } from '../../src/runtime/store.ts'
import { adoptOffer, planOffer } from '../../src/upstreams/adopt.ts'
import { openUpstream } from '../../src/upstreams/kinds.ts'
import { peakMegabytes, report } from './child.ts'
import type { Published } from './package-publish.ts'
import { app, newStore } from './world.ts'

const [store = '', origin = ''] = process.argv.slice(2)
await mkdir(store)
const open = await openStore({ kind: 'file', dir: store })
const publisher = await newStore(new Map(), open)
const began = performance.now()
const upstream = openUpstream(`omaha:${origin}/v1/update/`, open)
const choices = { packages: 'copy', create: true, raw: true } as const
const adoption = { app, channel: 'beta', boards: ['amd64-usr'], to: 'beta', ...choices }
const { kind } = await adoptOffer(publisher, upstream, await planOffer(publisher, upstream, adoption))
if (kind !== 'changed') throw new Error(`one release was expected: ${kind}`)
report({ tookMs: performance.now() - began, peakMegabytes: peakMegabytes() } satisfies Published)
