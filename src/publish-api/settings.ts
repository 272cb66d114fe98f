/** Settings of publishing over HTTP: of the function, and of commands that call it. */
import { plainText, type SettingRows } from '../kernel/setting.ts'
import { parsePublicUrl } from '../kernel/setting-urls.ts'
import { parsePolicy } from './policy-document.ts'

/** Where a policy is: in the setting itself, or in a file. */
export type PolicySource = { readonly file: string } | { readonly text: string }

/** @throws Error for text that is neither. */
function parsePolicySource(text: string): PolicySource {
  if (text.startsWith('file:') && text.length > 'file:'.length) return { file: text.slice('file:'.length) }
  if (!text.startsWith('{')) throw new Error('is neither a policy as JSON nor file:PATH')
  parsePolicy(text)
  return { text }
}

export const publishSettings = {
  publishPolicy: {
    variable: 'PLATTE_PUBLISH_POLICY',
    flag: '--publish-policy <policy>',
    doc: 'the pipelines that may publish here: `file:PATH`, or the JSON itself (on Workers and Lambda)',
    page: 'ci.md#the-policy',
    unset: 'nobody publishes over HTTP',
    parse: parsePolicySource,
    needs: 'publish-api',
    inFunction: (source: PolicySource) =>
      'file' in source ? 'names a file, and there are none here: set it to the policy itself, as JSON' : undefined,
  },
  endpoint: {
    variable: 'PLATTE_ENDPOINT',
    flag: '--endpoint <url>',
    doc: 'for commands: the deployment that publishes, instead of a store',
    unset: 'commands write the store',
    parse: parsePublicUrl,
    only: 'endpoint',
  },
  audience: {
    variable: 'PLATTE_AUDIENCE',
    doc: 'for commands with `--endpoint`: the audience of the identity token',
    unset: 'the URL of the endpoint',
    parse: plainText,
  },
  idToken: {
    variable: 'PLATTE_ID_TOKEN',
    doc: 'for commands with `--endpoint`: the identity token',
    unset: 'asked of GitHub Actions or Buildkite',
    parse: plainText,
    secret: true,
  },
} as const satisfies SettingRows
