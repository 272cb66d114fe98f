/** Settings of the webhook; apart from the feature, which Workers do not carry. */
import { parseSigningKey, parseTargetUrl, quoted, setting } from '../kernel/setting.ts'

const urlDoc = 'where a server sends what operators should know (not on Workers and Lambda)'
const keyDoc = 'the key that signs it: `whsec_` and 24 to 64 random bytes in base64'
const silentDoc = 'report a channel in which more machines are silent, such as `20%`'

function parseSilent(text: string): number {
  if (/^[1-9]\d?%$/.test(text)) return Number.parseInt(text, 10) / 100
  throw new Error(`${quoted(text)} is no share such as 20%`)
}

export const webhookSettings = {
  webhook: setting('PLATTE_WEBHOOK', urlDoc, parseTargetUrl, {
    secret: true,
    inFunction: () => 'works on servers only',
    hint: 'set it to the URL that takes messages, such as https://chat.example.org/hooks/platte',
    conflict: (_: string, { webhookKey }: { readonly webhookKey?: string }) =>
      webhookKey === undefined ? 'needs PLATTE_WEBHOOK_KEY' : undefined,
  }),
  webhookKey: setting('PLATTE_WEBHOOK_KEY', keyDoc, parseSigningKey, { secret: true }),
  webhookSilent: setting('PLATTE_WEBHOOK_SILENT <share>', silentDoc, parseSilent),
}
