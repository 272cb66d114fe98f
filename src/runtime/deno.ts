/**
 * Platte on Deno, as `npm run build:deno` makes it: one process with a folder or a bucket as its store. It needs to read
 * the store and to listen; with a timestamp key it also writes the store and reads the keys:
 *
 *     deno run --no-prompt --allow-env=PLATTE_*,PORT --allow-net=127.0.0.1:8787 \
 *       --allow-read=/var/lib/platte,/etc/platte/keys --allow-write=/var/lib/platte dist/deno/platte.mjs
 *
 * With a bucket it needs the network instead of the store's files, and the AWS SDK needs more:
 *
 *     deno run --no-prompt --allow-sys=osRelease,homedir \
 *       --allow-net=127.0.0.1:8787,example-updates.s3.eu-central-1.amazonaws.com \
 *       --allow-env=PLATTE_*,PORT,AWS_*,HOME,USERPROFILE,HOMEPATH,HOMEDRIVE,_X_AMZN_TRACE_ID \
 *       --allow-read=/etc/platte/keys dist/deno/platte.mjs
 */

import { PlatteError } from '../kernel/errors.ts'
import { jsonLog } from '../kernel/json-log.ts'
import { describeError } from '../kernel/log.ts'
import type { Environment } from '../kernel/setting.ts'
import { findSettingsFile } from './found-settings.ts'
import { cannotListen, graceMs, type Listen, type Served, serveWith, urlOf } from './server.ts'
import { readSettings } from './settings.ts'
import { openServing } from './store.ts'

/** The parts of Deno's API in use. @see https://docs.deno.com/api/deno/ */
interface Runtime {
  readonly env: { get(name: string): string | undefined }
  readonly errors: { readonly AddrInUse: new () => Error }
  readonly stdout: { writeSync(bytes: Uint8Array): number }
  addSignalListener(signal: 'SIGTERM' | 'SIGINT', listener: () => void): void
  exit(code: number): never
  serve(
    options: { hostname: string; port: number; signal: AbortSignal; onListen: (at: { readonly port: number }) => void },
    handler: (request: Request, peer: object) => Response | Promise<Response>,
  ): { readonly finished: Promise<void>; shutdown(): Promise<void> }
}

const { Deno } = globalThis as unknown as { readonly Deno: Runtime }

/** Reads each variable on demand, so that only those in use need a permission. */
const get = (_: unknown, name: string | symbol) => (typeof name === 'string' ? Deno.env.get(name) : undefined)
const environment = new Proxy<Environment>({}, { get })

export const listen: Listen = async (address, make) => {
  const abort = new AbortController()
  const { promise: listening, resolve } = Promise.withResolvers<{ readonly port: number }>()
  let app: Served | undefined
  try {
    const options = { hostname: address.host, port: address.port, signal: abort.signal, onListen: resolve }
    const server = Deno.serve(
      options,
      (request, peer) => app?.fetch(request, peer) ?? new Response(null, { status: 503 }),
    )
    const { port } = await listening
    app = make(port)
    const stop = async () => {
      const timer = setTimeout(() => abort.abort(), graceMs)
      await server.shutdown()
      await server.finished
      clearTimeout(timer)
    }
    return { url: urlOf(address.host, port), stop }
  } catch (cause) {
    throw cannotListen(address, cause instanceof Deno.errors.AddrInUse, cause)
  }
}

/** Writes to stdout, whole. */
export function writeAll(text: string): void {
  let bytes = new TextEncoder().encode(text)
  while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes))
}

/** Serves until SIGTERM or SIGINT, with one JSON log line a check on stdout. */
async function main(): Promise<void> {
  const log = jsonLog(writeAll)
  try {
    const file = await findSettingsFile(environment.PLATTE_CONFIG)
    for (const problem of file?.warnings ?? []) log({ level: 'warn', event: 'settings', problem })
    const settings = readSettings(environment, ['store', 'pin', 'host'], file)
    const running = await serveWith(listen, settings, await openServing(settings, environment, log))
    // Before the log says that it serves: a supervisor may send a signal right after that line.
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) Deno.addSignalListener(signal, resolve)
    })
    log({ level: 'info', event: 'serve', url: running.url })
    log.flush()
    await stopped
    await running.stop()
    log({ level: 'info', event: 'stop' })
    log.flush()
    Deno.exit(0)
  } catch (error) {
    const hint = error instanceof PlatteError ? error.hint : undefined
    log({ level: 'error', event: 'serve', ...describeError(error), hint })
    log.flush()
    Deno.exit(1)
  }
}

if (import.meta.main) await main()
