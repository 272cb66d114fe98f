/** Settings of publishing over HTTP: of the function, and of commands that call it. */
import { parseJsonObject } from '../kernel/json.ts'
import { plainText, setting } from '../kernel/setting.ts'
import { parsePublicUrl } from '../kernel/setting-urls.ts'

/** Where a policy is: in the setting itself, or in a file. `publishFeature` reads it, so that checks load no policy. */
export type PolicySource = { readonly file: string } | { readonly text: string }

/** @throws Error for text that is neither. */
function parsePolicySource(text: string): PolicySource {
  if (text.startsWith('file:') && text.length > 'file:'.length) return { file: text.slice('file:'.length) }
  if (parseJsonObject(text)) return { text }
  throw new Error('is neither a policy as JSON nor file:PATH')
}

export const publishSettings = {
  publishPolicy: setting(
    'PLATTE_PUBLISH_POLICY <policy>',
    'the pipelines that may publish here: `file:PATH`, or the JSON itself (on Workers and Lambda)',
    parsePolicySource,
    {
      needs: 'publish-api',
      inFunction: (source: PolicySource) =>
        'file' in source ? 'names a file, and there are none here: set it to the policy itself, as JSON' : undefined,
    },
  ),
  endpoint: setting(
    'PLATTE_ENDPOINT <url>',
    'for commands: the deployment that publishes, instead of a store',
    parsePublicUrl,
    { only: 'endpoint' },
  ),
  audience: setting('PLATTE_AUDIENCE', 'for commands with `--endpoint`: the audience of the identity token', plainText),
  idToken: setting('PLATTE_ID_TOKEN', 'for commands with `--endpoint`: the identity token', plainText, {
    secret: true,
  }),
}
