/** Mirroring over loopback: 200 releases against what anybody would type, and a package of 300 MB for the memory. */
import { execFile } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publish } from '../../src/channels/publish.ts'
import type { Source } from '../../src/channels/staging.ts'
import { openStore } from '../../src/runtime/store.ts'
import { formatPin } from '../../src/trust/verify-root.ts'
import { startChild } from './child.ts'
import type { Mirrored } from './mirror-run.ts'
import type { Serves } from './package-serve.ts'
import { atLeast, atMost, type Result, type Row } from './row.ts'
import { estimate, median } from './stats.ts'
import { app, newStore } from './world.ts'

const releases = 200
const releaseBytes = 250_000
/** More than a process may hold. */
const bigBytes = 300_000_000
const mostMegabytes = 200
const leastRatio = 0.8
/** Each takes seconds. */
const mostPairs = 2

export const mirrorRow: Row = {
  name: 'mirror',
  isLong: true,
  run: async ({ pairs }) => {
    const dir = await mkdtemp(join(tmpdir(), 'platte-bench-'))
    try {
      return [...(await many(join(dir, 'many'), Math.min(pairs, mostPairs))), ...(await big(join(dir, 'big')))]
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  },
}

/** A package of which no two megabytes are alike. */
function sourceOf(size: number, seed: number): Source {
  const chunk = randomFillSync(Buffer.alloc(Math.min(size, 1e6)))
  const open = (): ReadableStream<Uint8Array> => {
    let at = 0
    return new ReadableStream({
      pull(controller) {
        if (at >= size) return controller.close()
        const part = Buffer.from(chunk.subarray(0, Math.min(chunk.length, size - at)))
        part.writeUInt32LE(seed + at)
        at += part.length
        controller.enqueue(part)
      },
    })
  }
  return { name: 'flatcar_production_update.gz', size, open }
}

/** Fills a store. @returns its pin, and every key in it. */
async function fill(dir: string, count: number, size: number) {
  await mkdir(dir, { recursive: true })
  const store = await newStore(new Map(), await openStore({ kind: 'file', dir }))
  for (let i = 0; i < count; i++) {
    const order = { app, channel: 'beta', version: `4593.2.${i}`, board: 'amd64-usr', create: true }
    await publish(store, { ...order, raw: true, sources: [sourceOf(size, i)] })
  }
  const keys = ['catalog.jws']
  for (const prefix of ['root/', 'apps/']) for await (const key of store.documents.list?.(prefix) ?? []) keys.push(key)
  for await (const key of store.packages.list?.('packages/') ?? []) keys.push(key)
  return { pin: formatPin(store.pin), keys }
}

async function many(dir: string, pairs: number): Promise<Result[]> {
  const { pin, keys } = await fill(join(dir, 'origin'), releases, releaseBytes)
  const server = startChild('package-serve.ts', [join(dir, 'origin')])
  try {
    const { origin } = new URL((await server.next<Serves>()).url)
    const mirrorMs = async (to: string): Promise<number> => {
      const { tookMs, packages } = await mirrorTo(`${origin}/`, to, pin)
      if (packages !== releases) throw new Error(`${packages} packages were mirrored`)
      return tookMs
    }
    const taken: { readonly own: number; readonly plain: number }[] = []
    // In turns which goes first, so that the moods of the disk meet both.
    for (let i = 0; i < 2 * pairs; i++) {
      const early = i % 2 === 0 ? await curlMs(origin, join(dir, `curl-${i}`), keys) : undefined
      const own = await mirrorMs(join(dir, `mirror-${i}`))
      taken.push({ own, plain: early ?? (await curlMs(origin, join(dir, `curl-${i}`), keys)) })
    }
    const { value: ratio, low, high } = estimate(taken.map(({ own, plain }) => plain / own))
    const value = (releases * releaseBytes) / 1000 / median(taken.map(({ own }) => own))
    return [
      {
        ...{ name: 'mirror: 200 releases', value, unit: 'MB/s', ratio, low, high },
        ...{ against: 'curl + sha256sum + fsync', goal: atLeast(ratio, leastRatio) },
      },
    ]
  } finally {
    await server.stop()
  }
}

async function big(dir: string): Promise<Result[]> {
  const { pin } = await fill(join(dir, 'origin'), 1, bigBytes)
  const server = startChild('package-serve.ts', [join(dir, 'origin')])
  try {
    const { origin } = new URL((await server.next<Serves>()).url)
    const { peakMegabytes } = await mirrorTo(`${origin}/`, join(dir, 'mirror'), pin)
    const goal = atMost(peakMegabytes, mostMegabytes)
    return [{ name: 'mirror: 300 MB, peak memory', value: peakMegabytes, unit: 'MB', goal }]
  } finally {
    await server.stop()
  }
}

async function mirrorTo(url: string, store: string, pin: string): Promise<Mirrored> {
  const child = startChild('mirror-run.ts', [url, store, pin])
  try {
    return await child.next<Mirrored>()
  } finally {
    await child.stop()
  }
}

/** One curl for all files, over one connection; then their digests, and files and folders to the disk. */
async function curlMs(origin: string, dir: string, keys: readonly string[]): Promise<number> {
  await mkdir(dir)
  const config = join(dir, 'curl.txt')
  await writeFile(config, keys.map((key) => `url = "${origin}/${key}"\noutput = "${join(dir, key)}"\n`).join(''))
  const began = performance.now()
  const all = 'find "$0" -mindepth 1'
  const script = `curl -fsS --create-dirs -K "$1" && ${all} -type f -exec sha256sum {} + > /dev/null && ${all} -exec sync {} +`
  await promisify(execFile)('sh', ['-c', script, dir, config])
  return performance.now() - began
}
