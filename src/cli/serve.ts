/** Serves until a signal. `platte serve` without options comes here at once: a server starts without what reads options. */
import type { Publisher } from '../channels/publish.ts'
import type { Log } from '../kernel/log.ts'
import { findSettingsFile } from '../runtime/found-settings.ts'
import { jsonLogTo, startServer } from '../runtime/node.ts'
import { readSettings, type SettingsWith } from '../runtime/settings.ts'
import { openServing } from '../runtime/store.ts'
import { fail } from './exit-code.ts'
import { notice } from './terminal.ts'

interface Opened {
  readonly settings: SettingsWith<'store' | 'pin'>
  readonly store: Publisher
}

/** A failure sets the exit code of the process. */
export async function serve(): Promise<void> {
  try {
    await serveUntilStopped(openOwn, noticeUrl)
  } catch (error) {
    process.exitCode = fail(error)
  }
}

export const noticeUrl = (url: string): void => notice(`listening on ${url}/v1/update/`)

async function openOwn(log: Log): Promise<Opened> {
  const { env } = process
  const file = await findSettingsFile(env.PLATTE_CONFIG)
  for (const warning of file?.warnings ?? []) notice(`warning: ${warning}`)
  const settings = readSettings(env, ['store', 'pin', 'host'], file)
  const ask = async (question: string) => (await import('./ask-secret.ts')).askSecret(question)
  return { settings, store: await openServing(settings, env, log, { ask }) }
}

/**
 * Runs a server with one JSON log line a check on stdout; ends gracefully on SIGTERM and SIGINT.
 * @param onReady called with the URL that it listens on.
 */
export async function serveUntilStopped(
  open: (log: Log) => Promise<Opened>,
  onReady: (url: string) => void,
): Promise<void> {
  const log = jsonLogTo(process.stdout)
  const { store, settings } = await open(log)
  const running = await startServer(settings, store)
  // Before onReady: a caller may stop it at once.
  const stopped = new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name))
  })
  onReady(running.url)
  const signal = await stopped
  notice(`${signal}: finishing running requests`)
  await running.stop()
  log.flush()
  // A log without a reader must not keep the process.
  setTimeout(() => process.exit(0), 1000).unref()
}
