/** A check costs the same in a large deployment as in a small one: the whole handler in one process, without sockets. */

import type { Answering } from '../../src/checks/update-check.ts'
import { jsonLog } from '../../src/kernel/json-log.ts'
import type { Release } from '../../src/release/channel.ts'
import { createApp } from '../../src/runtime/app.ts'
import { type AsyncWork, compare } from './loops.ts'
import { atLeast, type Row } from './row.ts'
import { type Channels, loaded, release, requests, runningVersion, serving } from './world.ts'

const leastRatio = 0.9
const count = { channels: 5000, releases: 200 }

const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i)
const one: Channels = new Map([['beta', [release('4593.2.0'), release(runningVersion)]]])

export const growthRows: readonly Row[] = [
  growthRow('5,000 channels', '1 channel', () => {
    const names = numbers(count.channels).map((i) => `channel-${i}`)
    const channels = new Map(names.map((name) => [name, [release('4593.2.0'), release(runningVersion)]]))
    return { channels, channelOf: (machine) => names[machine % count.channels] ?? '' }
  }),
  growthRow('200 releases', '1 release', () => {
    const releases: Release[] = numbers(count.releases - 1).map((i) => release(`4593.2.${i}`))
    return { channels: new Map([['beta', [...releases, release(runningVersion)]]]), channelOf: () => 'beta' }
  }),
]

interface Deployment {
  readonly channels: Channels
  /** The channel of the nth machine. */
  readonly channelOf: (machine: number) => string
}

function growthRow(name: string, against: string, makeLarge: () => Deployment): Row {
  return {
    name,
    isLong: name === '5,000 channels',
    run: async ({ seconds }) => {
      const small = await checksOf({ channels: one, channelOf: () => 'beta' })
      const large = await checksOf(makeLarge())
      const { value, low, high, micros } = await compare(large, small, Math.max(2, seconds / 2))
      return [
        { name, value: micros, unit: 'µs/check', ratio: value, low, high, against, goal: atLeast(value, leastRatio) },
      ]
    },
  }
}

/** Each turn is another machine; every second one is offered an update. */
async function checksOf({ channels, channelOf }: Deployment): Promise<AsyncWork> {
  const answering: Answering = await loaded(channels)
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
