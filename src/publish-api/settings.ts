/** Settings of publishing over HTTP: of the function, and of commands that call it. */
import { parseJsonObject } from '../kernel/json.ts'
import { noFile, parsePublicUrl, plainText, setting } from '../kernel/setting.ts'
import type { PolicySource } from './policy-document.ts'

/** @throws Error for anything else. */
function parsePolicySource(text: string): PolicySource {
  if (/^file:./s.test(text)) return { file: text.slice('file:'.length) }
  if (parseJsonObject(text)) return { text }
  throw new Error('is neither a policy as JSON nor file:PATH')
}

const policyDoc = 'the pipelines that may publish here: `file:PATH`, or the JSON itself (on Workers and Lambda)'
const endpointDoc = 'for commands: the deployment that publishes, instead of a store'
const audienceDoc = 'for commands with `--endpoint`: the audience of the identity token'
const tokenDoc = 'for commands with `--endpoint`: the identity token'

export const publishSettings = {
  publishPolicy: setting('PLATTE_PUBLISH_POLICY <policy>', policyDoc, parsePolicySource, {
    needs: 'publish-api',
    signs: true,
    inFunction: noFile('set it to the policy itself, as JSON'),
  }),
  endpoint: setting('PLATTE_ENDPOINT <url>', endpointDoc, parsePublicUrl, { only: 'endpoint' }),
  audience: setting('PLATTE_AUDIENCE', audienceDoc, plainText),
  idToken: setting('PLATTE_ID_TOKEN', tokenDoc, plainText, { secret: true }),
}
