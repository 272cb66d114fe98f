/** Publishing, uploading and serving a package of 300 MB: memory, and speed against what anybody would type. */
import { execFile } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startChild } from './child.ts'
import { madeOnce } from './made-once.ts'
import type { Published } from './package-publish.ts'
import type { Served, Serves } from './package-serve.ts'
import { uploadIn } from './package-upload.ts'
import { atLeast, atMost, type Result, type Row } from './row.ts'
import { median } from './stats.ts'
import { uploadToWorker } from './worker-upload.ts'

/** More than a process may hold. */
const megabytes = 300
const mostMegabytes = 200
/** Workers have 128 MB. */
const mostInWorker = 100
/** More than that, and parts of 64 MB; the simulator takes 9 MB a second. */
const workerMegabytes = 130
/** At most three times what it takes to copy and to hash the file by hand. */
const leastRatio = 0.33
/** Each takes seconds. */
const mostPairs = 2

const rowOf = (name: string, measure: (dir: string, pairs: number) => Promise<Result[]>): Row => ({
  name,
  isLong: true,
  run: async ({ pairs }) => {
    const dir = await mkdtemp(join(tmpdir(), 'platte-bench-'))
    try {
      return await measure(dir, Math.min(pairs, mostPairs))
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  },
})

export const packageRows: readonly Row[] = [
  rowOf('package', measure),
  rowOf('adopt', measureAdopting),
  rowOf('upload', measureUploads),
  rowOf('worker upload', measureWorker),
]

/** From a server on the same machine that speaks Omaha. */
async function measureAdopting(dir: string, pairs: number): Promise<Result[]> {
  const file = await packageFile()
  const upstream = join(dir, 'upstream')
  await publishIn(upstream, file)
  const server = startChild('package-serve.ts', [upstream])
  try {
    const { url } = await server.next<Serves>()
    const ratios: number[] = []
    const adopted: Published[] = []
    for (let i = 0; i < pairs; i++) {
      const store = join(dir, `store-${i}`)
      const one = await childOf('package-adopt.ts', store, new URL(url).origin)
      await rm(store, { recursive: true })
      ratios.push((await curlMs(url, join(dir, 'copy'))) / one.tookMs)
      adopted.push(one)
    }
    const [ratio, peak] = [median(ratios), Math.max(...adopted.map((one) => one.peakMegabytes))]
    return [
      {
        name: 'adopt: ask, download, publish',
        value: megabytes / (median(adopted.map(({ tookMs }) => tookMs)) / 1000),
        unit: 'MB/s',
        ratio,
        against: 'curl + sha256sum + sha1sum',
        goal: atLeast(ratio, 1),
      },
      { name: 'adopt: peak memory', value: peak, unit: 'MB', goal: atMost(peak, mostMegabytes) },
    ]
  } finally {
    await server.stop()
  }
}

/** By HTTP to a server on the same machine, in parts. */
async function measureUploads(dir: string, pairs: number): Promise<Result[]> {
  const file = await packageFile()
  const ratios: number[] = []
  const uploaded: Published[] = []
  for (let i = 0; i < pairs; i++) {
    const store = join(dir, `store-${i}`)
    const one = await uploadIn(store, file)
    await rm(store, { recursive: true })
    ratios.push((await copyMs(file, join(dir, 'copy'))) / one.tookMs)
    uploaded.push(one)
  }
  const [ratio, peak] = [median(ratios), Math.max(...uploaded.map((one) => one.peakMegabytes))]
  return [
    {
      name: 'upload: hash, send, complete',
      value: megabytes / (median(uploaded.map(({ tookMs }) => tookMs)) / 1000),
      unit: 'MB/s',
      ratio,
      against: 'cp + sha256sum + sha1sum',
      goal: atLeast(ratio, leastRatio),
    },
    { name: 'upload: serve, peak memory', value: peak, unit: 'MB', goal: atMost(peak, mostMegabytes) },
  ]
}

/** Through the real workerd, into the R2 that wrangler simulates beside it: its speed is the simulator's. */
async function measureWorker(dir: string): Promise<Result[]> {
  const file = join(dir, 'update.gz')
  await writeFileOf(file, workerMegabytes)
  const peak = await uploadToWorker(dir, file)
  return [{ name: 'worker upload: most memory', value: peak, unit: 'MB', goal: atMost(peak, mostInWorker) }]
}

async function measure(dir: string, pairs: number): Promise<Result[]> {
  const file = await packageFile()
  const ratios: number[] = []
  const published: Published[] = []
  for (let i = 0; i < pairs; i++) {
    const store = join(dir, `store-${i}`)
    const one = await publishIn(store, file)
    ratios.push((await copyMs(file, join(dir, 'copy'))) / one.tookMs)
    published.push(one)
    if (i < pairs - 1) await rm(store, { recursive: true })
  }
  const { peakMegabytes, megabytesPerSecond } = await download(join(dir, `store-${pairs - 1}`))
  const peak = Math.max(...published.map((one) => one.peakMegabytes))
  return [
    {
      name: 'package: publish',
      value: megabytes / (median(published.map(({ tookMs }) => tookMs)) / 1000),
      unit: 'MB/s',
      ratio: median(ratios),
      against: 'cp + sha256sum + sha1sum',
    },
    { name: 'package: publish, peak memory', value: peak, unit: 'MB', goal: atMost(peak, mostMegabytes) },
    { name: 'package: download', value: megabytesPerSecond, unit: 'MB/s' },
    {
      name: 'package: serve, peak memory',
      value: peakMegabytes,
      unit: 'MB',
      goal: atMost(peakMegabytes, mostMegabytes),
    },
  ]
}

const packageFile = (): Promise<string> => madeOnce('update.gz', (path) => writeFileOf(path, megabytes))

/** Pseudo-random bytes, and no two megabytes alike. */
async function writeFileOf(path: string, megabytes: number): Promise<void> {
  const megabyte = randomFillSync(Buffer.alloc(1e6))
  const file = await open(path, 'w')
  try {
    for (let i = 0; i < megabytes; i++) {
      megabyte.writeUInt32LE(i)
      await file.write(megabyte)
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

const publishIn = (store: string, file: string): Promise<Published> => childOf('package-publish.ts', store, file)

async function childOf(program: string, ...args: readonly string[]): Promise<Published> {
  const child = startChild(program, args)
  try {
    return await child.next<Published>()
  } finally {
    await child.stop()
  }
}

const copyMs = (from: string, to: string): Promise<number> => msOf('cp "$0" "$1"', from, to)
const curlMs = (from: string, to: string): Promise<number> => msOf('curl -fsS -o "$1" "$0"', from, to)

/** How long it takes to get a copy and both digests. */
async function msOf(command: string, from: string, to: string): Promise<number> {
  const began = performance.now()
  await promisify(execFile)('sh', ['-c', `${command} && sha256sum "$1" && sha1sum "$1"`, from, to])
  const took = performance.now() - began
  await rm(to)
  return took
}

async function download(store: string): Promise<{ peakMegabytes: number; megabytesPerSecond: number }> {
  const child = startChild('package-serve.ts', [store])
  try {
    const { url } = await child.next<Serves>()
    const began = performance.now()
    const bytes = await bytesFrom(url)
    const seconds = (performance.now() - began) / 1000
    if (bytes !== megabytes * 1e6) throw new Error(`${bytes} bytes came`)
    child.send('report')
    const { peakMegabytes } = await child.next<Served>()
    return { peakMegabytes, megabytesPerSecond: megabytes / seconds }
  } finally {
    await child.stop()
  }
}

function bytesFrom(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      response.on('end', () => resolve(bytes))
      response.on('error', reject)
    }).on('error', reject)
  })
}
