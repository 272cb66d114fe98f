/** Settings of publishing over HTTP: of the function, and of commands that call it. */
import { parseJsonObject } from '../kernel/json.ts'
import { plainText, type SettingRows } from '../kernel/setting.ts'
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
  publishPolicy: {
    variable: 'PLATTE_PUBLISH_POLICY',
    flag: '--publish-policy <policy>',
    doc: 'the pipelines that may publish here: `file:PATH`, or the JSON itself (on Workers and Lambda)',
    parse: parsePolicySource,
    needs: 'publish-api',
    inFunction: (source: PolicySource) =>
      'file' in source ? 'names a file, and there are none here: set it to the policy itself, as JSON' : undefined,
  },
  endpoint: {
    variable: 'PLATTE_ENDPOINT',
    flag: '--endpoint <url>',
    doc: 'for commands: the deployment that publishes, instead of a store',
    parse: parsePublicUrl,
    only: 'endpoint',
  },
  audience: {
    variable: 'PLATTE_AUDIENCE',
    doc: 'for commands with `--endpoint`: the audience of the identity token',
    parse: plainText,
  },
  idToken: {
    variable: 'PLATTE_ID_TOKEN',
    doc: 'for commands with `--endpoint`: the identity token',
    parse: plainText,
    secret: true,
  },
} as const satisfies SettingRows
