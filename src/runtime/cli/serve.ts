import type { Command } from 'commander'
import { command, type Options, openStoreOf, serverFlags } from '../../cli/options.ts'
import { notice } from '../../cli/terminal.ts'
import { jsonLogTo, startServer } from '../node.ts'

export const serveCommand = (): Command =>
  command('serve', 'answer update checks and serve packages', serverFlags).action((options: Options) =>
    serveUntilStopped(options, (url) => notice(`listening on ${url}/v1/update/`)),
  )

/**
 * Runs a server with one JSON log line a check on stdout; ends gracefully on SIGTERM and SIGINT.
 * @param onReady called with the URL that it listens on.
 */
export async function serveUntilStopped(options: Options, onReady: (url: string) => void): Promise<void> {
  const log = jsonLogTo(process.stdout)
  const { store, settings } = await openStoreOf(options, log, ['host'])
  const running = await startServer(settings, store)
  // Before onReady: a caller may stop it at once.
  const stopped = new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name))
  })
  onReady(running.url)
  const signal = await stopped
  notice(`${signal}: letting requests end`)
  await running.stop()
  log.flush()
  // A log without a reader must not keep the process.
  setTimeout(() => process.exit(0), 1000).unref()
}
