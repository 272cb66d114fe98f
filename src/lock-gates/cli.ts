/** What the gates of a server with the same settings say, for `platte lock status`. */
import { type Options, settingsOf } from '../cli/options.ts'
import { warn } from '../cli/terminal.ts'
import { systemClock } from '../kernel/clock.ts'
import { readTextFile } from '../runtime/text-file.ts'
import { transport } from '../runtime/transport.ts'
import { openGates } from './gates.ts'
import { readGates } from './lists.ts'

/** @returns why the group gives no slot; `undefined` where its gates are open, or it has none. */
export async function gateReasonOf(options: Options, group: string): Promise<string | undefined> {
  const { lockGates } = settingsOf(options, [])
  if (lockGates === undefined) return undefined
  const gates = await readGates(lockGates, readTextFile)
  return openGates({ gates, transport, clock: systemClock, log: warn }).lockGate.ask(group)
}
