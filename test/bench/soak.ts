/**
 * A server for as long as it takes to see what grows or gets lost: 80 % load, while releases are published and held, and
 * while its store is away for a part of the time.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { publish } from '../../src/channels/publish.ts'
import { openStore } from '../../src/runtime/store.ts'
import { formatPin } from '../../src/trust/verify-root.ts'
import { holdRelease, pruneChannel, unholdRelease } from '../changes.ts'
import { orderOf } from '../world.ts'
import { checkPath } from './bare.ts'
import { type Child, startChild } from './child.ts'
import { median } from './stats.ts'
import { app, newStore, releasesOf, request } from './world.ts'

type Sample = Readonly<{ heap: number; rss: number }>

export interface Soaked {
  /** What was asked, at how many a second, with which times in ms. */
  readonly load: Readonly<{ asked: number; rate: number; p50: number; p99: number }>
  /** MB after a collection of garbage, in the second quarter of the time and in the last one. */
  readonly memory: Readonly<{ early: Sample; late: Sample }>
  readonly changes: number
  /** What should not have been; empty where all was well. */
  readonly problems: readonly string[]
}

const [share, awayFrom, awayUntil] = [0.8, 0.4, 0.55]
/** Of memory between the two quarters, beyond which something grows. */
const mayGrow = { by: 1.1, megabytes: 6 }
/** A change is live within this time. */
const liveWithinMs = 60_000
const ref = { app, channel: 'beta' }

export async function soak(seconds: number, onSample: (text: string) => void = () => {}): Promise<Soaked> {
  const dir = await mkdtemp(join(tmpdir(), 'platte-soak-'))
  const publisher = await newStore(releasesOf('no-update'), await openStore({ kind: 'file', dir }))
  const server = startChild('soak-server.ts', [dir, formatPin(publisher.pin)], { stdout: 'pipe' })
  try {
    const lines = readLines(server.stdout)
    const { url } = await server.next<{ url: string }>()
    const load = startChild('soak-load.ts', [new URL(url).port, seconds, share].map(String))
    const loaded = load.next<Soaked['load']>()
    const { samples, changes } = await disturb({ server, publisher, seconds, onSample })
    const found = await loaded
    const probes = await untilLive(url, publisher)
    server.send('stop')
    await lines.ended
    const quarter = (n: number) => samples.slice((samples.length * (n - 1)) / 4, (samples.length * n) / 4)
    const [early, late] = [middle(quarter(2)), middle(quarter(4))]
    const problems = [
      ...lines.errors.map((line) => `an error was logged: ${line}`),
      ...(lines.contacts === found.asked + probes.asked
        ? []
        : [`${lines.contacts} of ${found.asked + probes.asked} events`]),
      ...(probes.isLive ? [] : ['the last release was not offered within a minute']),
      ...(late.heap > early.heap * mayGrow.by + mayGrow.megabytes
        ? [`the heap grew from ${early.heap} to ${late.heap} MB`]
        : []),
    ]
    return { load: found, memory: { early, late }, changes, problems }
  } finally {
    await server.stop()
    await rm(dir, { recursive: true })
  }
}

const middle = (samples: readonly Sample[]): Sample => ({
  heap: median(samples.map(({ heap }) => heap)),
  rss: median(samples.map(({ rss }) => rss)),
})

type Publisher = Awaited<ReturnType<typeof newStore>>
type Disturbing = Readonly<{ server: Child; publisher: Publisher; seconds: number; onSample: (text: string) => void }>

/** Changes the store forty times, takes the store away, and samples the memory after each change. */
async function disturb({ server, publisher, seconds, onSample }: Disturbing) {
  const samples: Sample[] = []
  const began = performance.now()
  let changes = 0
  for (let turn = 0; turn < 40; turn++) {
    const due = began + (seconds * 1000 * (turn + 1)) / 41
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
    const part = turn / 40
    server.send(part >= awayFrom && part < awayUntil ? 'away' : 'back')
    await changeStore(publisher, turn)
    changes++
    const next = server.next<Sample>()
    server.send('sample')
    const sample = await next
    samples.push(sample)
    onSample(
      `${Math.round((performance.now() - began) / 1000)} s: heap ${sample.heap.toFixed(1)} MB, resident ${sample.rss.toFixed(0)} MB`,
    )
  }
  return { samples, changes }
}

/** Of every four: a release, a hold, its end, and fewer releases. */
async function changeStore(publisher: Publisher, turn: number): Promise<void> {
  const version = `4600.0.${Math.floor(turn / 4)}`
  if (turn % 4 === 0) await publish(publisher, orderOf(version, { channel: 'beta' }))
  if (turn % 4 === 1) await holdRelease(publisher, ref, { version, reason: 'it soaks' })
  if (turn % 4 === 2) await unholdRelease(publisher, ref, { version })
  if (turn % 4 === 3) await pruneChannel(publisher, ref, { keep: 4 })
}

/** Publishes once more, and asks until that is offered. */
async function untilLive(url: string, publisher: Publisher) {
  const version = '4700.0.0'
  await publish(publisher, orderOf(version, { channel: 'beta' }))
  let asked = 0
  for (const end = performance.now() + liveWithinMs; performance.now() < end; ) {
    asked++
    const answer = await fetch(url + checkPath, { method: 'POST', body: request })
    if ((await answer.text()).includes(`<manifest version="${version}">`)) return { asked, isLive: true }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  return { asked, isLive: false }
}

const maxErrors = 5

/** Counts contacts, and keeps the first errors and losses. */
function readLines(stream: Readable | null) {
  const found = { contacts: 0, errors: [] as string[], ended: Promise.resolve() }
  let rest = ''
  const read = (line: string): void => {
    if (line.includes('"event":"contact"')) found.contacts++
    const isBad = line.includes('"level":"error"') || line.includes('"lostLines"') || line.includes('"refused"')
    if (isBad && found.errors.length < maxErrors) found.errors.push(line)
  }
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) read(line)
  })
  found.ended = new Promise((resolve) => stream?.once('end', resolve))
  return found
}
