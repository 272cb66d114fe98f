/** `platte webhook test`: sends one message, as a server does. */
import { Command } from 'commander'
import { command, type Options, settingsOf } from '../cli/options.ts'
import { show } from '../cli/terminal.ts'
import { systemClock } from '../kernel/clock.ts'
import { systemRandom } from '../kernel/random.ts'
import { send } from '../outgoing/send.ts'
import { transport } from '../runtime/transport.ts'
import { testMessage } from './message.ts'

const testCommand = (): Command =>
  command('test', 'send a message to PLATTE_WEBHOOK', []).action(async (options: Options) => {
    const { webhook: url, webhookKey: key } = settingsOf(options, ['webhook', 'webhookKey'])
    const message = testMessage(systemClock(), systemRandom())
    await send({ url, key, transport, clock: systemClock }, message)
    show(options.json, message, [`sent ${message.id}`])
  })

export const webhookCommand = (): Command =>
  new Command('webhook').description('tell operators by a webhook').exitOverride().addCommand(testCommand())
