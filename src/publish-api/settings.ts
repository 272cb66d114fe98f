/** Settings of publishing over HTTP: of the function, and of commands that call it. */
import { parseJsonObject } from '../kernel/json.ts'
import { fileOrText, noFile, parsePublicUrl, plainText, setting } from '../kernel/setting.ts'

const policyDoc = 'the pipelines that may publish here: `file:PATH`, or the JSON itself (on Workers and Lambda)'
const endpointDoc = 'for commands: the deployment that publishes, instead of a store'
const audienceDoc = 'for commands with `--endpoint`: the audience of the identity token'
const tokenDoc = 'for commands with `--endpoint`: the identity token'

export const publishSettings = {
  publishPolicy: setting('PLATTE_PUBLISH_POLICY <policy>', policyDoc, fileOrText('a policy as JSON', parseJsonObject), {
    needs: 'publish-api',
    signs: true,
    inFunction: noFile('set it to the policy itself, as JSON'),
  }),
  endpoint: setting('PLATTE_ENDPOINT <url>', endpointDoc, parsePublicUrl, { only: 'endpoint' }),
  audience: setting('PLATTE_AUDIENCE', audienceDoc, plainText),
  idToken: setting('PLATTE_ID_TOKEN', tokenDoc, plainText, { secret: true }),
}
