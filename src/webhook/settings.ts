/** Settings of the webhook; apart from the feature, which Workers do not carry. */
import { quoted, setting } from '../kernel/setting.ts'

const urlDoc = 'where a server sends what operators should know (not on Workers and Lambda)'
const keyDoc = 'the key that signs it: `whsec_` and 24 to 64 random bytes in base64'
const silentDoc = 'report a channel in which more machines are silent, such as `20%`'

/** As it was given: receivers may ask for a query or a last "/". No message repeats it, since it may be a secret. */
function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.username || url?.password)
    throw new Error('holds a name or a password, which is not sent: use a URL without')
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hash !== '')
    throw new Error('is no http(s) URL without a "#", such as https://chat.example.org/hooks/platte')
  return url.href
}

function parseKey(text: string): string {
  if (/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/.test(text)) return text
  throw new Error('is no `whsec_` with 24 to 64 random bytes in base64')
}

function parseSilent(text: string): number {
  if (/^[1-9]\d?%$/.test(text)) return Number.parseInt(text, 10) / 100
  throw new Error(`${quoted(text)} is no share such as 20%`)
}

export const webhookSettings = {
  webhook: setting('PLATTE_WEBHOOK', urlDoc, parseUrl, {
    secret: true,
    inFunction: () => 'works on servers only',
    hint: 'set it to the URL that takes messages, such as https://chat.example.org/hooks/platte',
    conflict: (_: string, { webhookKey }: { readonly webhookKey?: string }) =>
      webhookKey === undefined ? 'needs PLATTE_WEBHOOK_KEY' : undefined,
  }),
  webhookKey: setting('PLATTE_WEBHOOK_KEY', keyDoc, parseKey, { secret: true }),
  webhookSilent: setting('PLATTE_WEBHOOK_SILENT <share>', silentDoc, parseSilent),
}
