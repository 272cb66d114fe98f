/** The guard of a server, over real sockets: machines are offered a release, report failures, and are offered it no more. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { startServer } from '../../src/runtime/node.ts'
import { execute } from '../changes.ts'
import { app, day, minute, newStore, publishOne } from '../world.ts'

const dir = mkdtempSync(join(tmpdir(), 'platte-guard-serve-'))
afterEach(() => {
  vi.useRealTimers()
  rmSync(dir, { recursive: true })
})

test('a release that fails is held within a minute, and /metrics says so', { timeout: 120_000 }, async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { publisher, time } = await newStore({ format: 2 })
  await publishOne({ publisher }, '1')
  const guard = { failures: 0.05, atLeast: 20, within: 'PT24H' }
  await execute(publisher, 'channel-edit', { app, channel: 'stable', guard })
  const settings = { explain: 'off', host: '127.0.0.1', port: 0, pin: publisher.pin } as const
  const store = { kind: 'file', dir: '/nonexistent' } as const
  const running = await startServer({ ...settings, store, metrics: 'on', fleetFile: join(dir, 'fleet.db') }, publisher)
  const send = async (machine: number, inner: string): Promise<string> => {
    const attributes = `appid="${app}" version="1" track="stable" board="amd64-usr" machineid="machine${machine}"`
    const body = `<request protocol="3.0"><app ${attributes}>${inner}</app></request>`
    return (await fetch(`${running.url}/v1/update/`, { method: 'POST', body })).text()
  }
  const everybody = (count: number, inner: string) =>
    Promise.all(Array.from({ length: count }, (_, i) => send(i, inner)))
  const later = async (ms: number) => {
    time.now += ms
    await vi.advanceTimersByTimeAsync(minute)
  }
  try {
    await everybody(40, '<updatecheck/>')
    await later(day)
    await publishOne({ publisher }, '2')
    await later(minute)
    // A stranger, who does not count.
    const until = (text: string) =>
      vi.waitFor(async () => expect(await send(99, '<updatecheck/>')).toContain(text), { timeout: 60_000 })
    await until('status="ok"><urls>')
    await everybody(40, '<updatecheck/>')
    await everybody(20, '<event eventtype="3" eventresult="0" errorcode="9"/>')
    await later(minute)
    await until('noupdate')
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).toContain('platte_guard_holds{outcome="held"} 1')
    expect(metrics).toContain(`platte_guard_failed_machines{channel="${app}/stable"} 20`)
  } finally {
    await running.stop()
  }
})
