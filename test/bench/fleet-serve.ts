/** A server with the projection of the fleet or without, and what its answers cost. Started by fleet.ts. */
import { once } from 'node:events'
import { stdout } from 'node:process'
import type { Log } from '../../src/kernel/log.ts'
import { jsonLogTo, startServer } from '../../src/runtime/node.ts'
import { report } from './child.ts'
import { cpuSeconds } from './fleet.ts'
import { newStore, releasesOf } from './world.ts'

/** What a run of checks cost, with all that is written for them later. */
export interface ServedFleet {
  readonly checks: number
  readonly cpuSeconds: number
}

const [dir = '', fleetFile] = process.argv.slice(2)
const toStdout = jsonLogTo(stdout)
let checks = 0
const log: Log = Object.assign(
  (entry: Parameters<Log>[0]) => {
    if (entry.event === 'contact') checks++
    toStdout(entry)
  },
  { flush: toStdout.flush },
)
const publisher = { ...(await newStore(releasesOf('no-update'))), log }
const { pin } = publisher
const running = await startServer(
  { store: { kind: 'file', dir }, pin, host: '127.0.0.1', port: 0, explain: 'off', ...(fleetFile && { fleetFile }) },
  { ...publisher, timestamp: [], release: [] },
)
report({ port: Number(new URL(running.url).port) })
await once(process, 'message')
const [before, began] = [checks, cpuSeconds()]
await once(process, 'message')
await running.stop()
report({ checks: checks - before, cpuSeconds: cpuSeconds() - began } satisfies ServedFleet)
