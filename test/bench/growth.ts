/** A check costs the same in a large deployment as in a small one: the whole handler in one process, without sockets. */

import { type Answering, checkForUpdate } from '../../src/checks/update-check.ts'
import { jsonLog } from '../../src/kernel/json-log.ts'
import type { Release } from '../../src/release/channel.ts'
import { createApp } from '../../src/runtime/app.ts'
import { realisticReleases } from '../service/realistic.ts'
import { type AsyncWork, compare } from './loops.ts'
import { atLeast, type Result, type Row } from './row.ts'
import { median } from './stats.ts'
import {
  answeringFrom,
  app as appId,
  type Channels,
  loaded,
  newStore,
  release,
  requests,
  runningVersion,
  serving,
} from './world.ts'

const leastRatio = 0.9
const count = { channels: 5000, releases: 200, largest: 1999 }

const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i)
const one: Channels = new Map([['beta', [release('4593.2.0'), release(runningVersion)]]])

export const growthRows: readonly Row[] = [
  growthRow('5,000 channels', '1 channel', () => {
    const names = numbers(count.channels).map((i) => `channel-${i}`)
    const channels = new Map(names.map((name) => [name, [release('4593.2.0'), release(runningVersion)]]))
    return { channels, channelOf: (machine) => names[machine % count.channels] ?? '', least: 0.97 }
  }),
  growthRow('200 releases', '1 release', () => {
    const releases: Release[] = numbers(count.releases - 1).map((i) => release(`4593.2.${i}`))
    return { channels: new Map([['beta', [...releases, release(runningVersion)]]]), channelOf: () => 'beta' }
  }),
  growthRow(
    '2,000 releases in format 2',
    '1 release',
    () => ({ channels: new Map([['beta', realistic(count.largest)]]), channelOf: () => 'beta', format: 2 }),
    () => ({ channels: new Map([['beta', realistic(1)]]), channelOf: () => 'beta' }),
  ),
  {
    name: 'first answer',
    isLong: true,
    run: async () => [
      ...[await firstAnswer('1 release', realistic(1), 1)],
      ...[await firstAnswer('2,000 releases in format 2', realistic(count.largest), 2)],
    ],
  },
]

/** As Flatcar's are, and the one that machines run. */
const realistic = (length: number): readonly Release[] => [
  ...realisticReleases(length).map((one, i) => ({ ...one, version: `4593.2.${i}` })),
  release(runningVersion),
]

const firsts = 9

/** CPU time of the first answer of a process that has its code: reading, verifying, and the details of one release. */
async function firstAnswer(name: string, releases: readonly Release[], format: number): Promise<Result> {
  const publisher = await newStore(new Map([['beta', releases]]), { format })
  const costs: number[] = []
  for (let i = 0; i < 2 * firsts; i++) {
    const before = process.cpuUsage()
    const decision = await checkForUpdate(answeringFrom(publisher), {
      app: appId,
      channel: 'beta',
      version: '1',
      board: 'amd64-usr',
    })
    const { user, system } = process.cpuUsage(before)
    if (decision.kind !== 'update') throw new Error('an update was expected')
    if (i >= firsts) costs.push((user + system) / 1000)
  }
  return { name: `first answer: ${name}`, value: median(costs), unit: 'ms of CPU' }
}

interface Deployment {
  readonly channels: Channels
  /** The channel of the nth machine. */
  readonly channelOf: (machine: number) => string
  readonly format?: number
  /** The ratio that is wanted. */
  readonly least?: number
}

function smallest(): Deployment {
  return { channels: one, channelOf: () => 'beta' }
}

function growthRow(name: string, against: string, makeLarge: () => Deployment, makeSmall = smallest): Row {
  return {
    name,
    isLong: name !== '200 releases',
    run: async ({ seconds }) => {
      const small = await checksOf(makeSmall())
      const deployment = makeLarge()
      const large = await checksOf(deployment)
      const { value, low, high, micros } = await compare(large, small, Math.max(2, seconds / 2))
      const goal = atLeast(value, deployment.least ?? leastRatio)
      return [{ name, value: micros, unit: 'µs/check', ratio: value, low, high, against, goal }]
    },
  }
}

/** Each turn is another machine; every second one is offered an update. */
async function checksOf({ channels, channelOf, format = 1 }: Deployment): Promise<AsyncWork> {
  const answering: Answering = await loaded(channels, format)
  const log = jsonLog(() => {})
  const app = createApp(serving({ ...answering, reader: { ...answering.reader, log } }))
  const bodies = requests(channelOf, (machine) => (machine % 2 === 0 ? runningVersion : '9999.0.0'))
  for (const [turn, part] of ['<manifest version="4593.2.', '"noupdate"'].entries()) {
    const answer = await (await app.fetch(requestOf(bodies(turn)))).text()
    if (!answer.includes(part)) throw new Error(`${part} was expected: ${answer}`)
  }
  return async (turn) => app.fetch(requestOf(bodies(turn)))
}

/** As light as what the Node server hands in: one that is made by the runtime costs more than the check. */
function requestOf(body: string): Request {
  const headers = new Map([['content-length', String(body.length)]])
  const request = {
    method: 'POST',
    url: 'http://127.0.0.1/v1/update/',
    headers: { get: (name: string) => headers.get(name) ?? null, has: (name: string) => headers.has(name) },
    text: async () => body,
  }
  return request as unknown as Request
}
