/** Sends commands to a publish function, with the identity of the pipeline that runs them. */

import type { ChannelCommand } from '../../channels/commands.ts'
import { planCommand } from '../../channels/execute-command.ts'
import type { Publisher } from '../../channels/publish.ts'
import { type Endpoint, environmentOf, type Options, openStoreOf, settingsOf } from '../../cli/options.ts'
import { warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { callFunction } from '../client/ask-function.ts'
import { findIdToken } from '../client/id-token.ts'
import { proposalOf } from '../countersign.ts'
import { type Claims, provenanceOf } from '../policy.ts'
import { uploadAll } from './uploading.ts'

/** @throws PlatteError('configuration') where settings are missing; 'unauthorized' without a token. */
export async function openEndpoint(options: Options): Promise<Endpoint> {
  const { endpoint: url, audience, idToken } = settingsOf(options, [])
  if (url === undefined) throw new PlatteError('usage', '--endpoint names no URL')
  const env = environmentOf(options)
  const signing = await openSigning(options)
  const newToken = () => findIdToken(idToken, env, audience ?? url)
  const post = async <Result>(path: string, body: object, token?: string): Promise<Result> => {
    const text = JSON.stringify(body)
    const headers = { authorization: `Bearer ${token ?? (await newToken())}`, 'content-type': 'application/json' }
    return JSON.parse(await callFunction({ url: url + path, headers, body: text }))
  }
  return {
    upload: (announced, sending) => uploadAll({ url, open: (body) => post('/v1/uploads', body) }, announced, sending),
    async send<Result>(
      command: ChannelCommand,
      { dryRun }: { readonly dryRun?: boolean | undefined },
    ): Promise<Result> {
      const token = await newToken()
      const { action, ...fields } = command
      const manifest = signing && !dryRun && (await proposalFor(signing, command, token))
      const body = { ...fields, ...(dryRun && { dryRun }), ...(manifest && { manifest }) }
      const answer = await post<Result & { readonly manifest: string }>(`/v1/${action}`, body, token)
      return { ...answer, manifest: new URL(answer.manifest, `${url}/`).href }
    },
  }
}

/** The plan of this pipeline, signed. The function countersigns where its own plan is equal, provenance included. */
async function proposalFor(signing: Publisher, command: ChannelCommand, token: string): Promise<object | undefined> {
  const { iss, ...claims } = claimsOf(token)
  const provenance = provenanceOf(String(iss), claims)
  return proposalOf(signing.release, await planCommand(signing, command, { provenance }))
}

/** @throws PlatteError('unauthorized') for anything but a token. */
function claimsOf(token: string): Claims {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  } catch {
    throw new PlatteError('unauthorized', 'the identity token of this pipeline is not a JSON Web Token')
  }
}

/** Only with a release key at hand: reads the store, or else the documents that the endpoint serves. */
async function openSigning(options: Options): Promise<Publisher | undefined> {
  const { releaseKey, keysDir, store, endpoint = '' } = settingsOf(options, [])
  if (releaseKey === undefined && keysDir === undefined) return undefined
  const opened = await openStoreOf(store ? options : { ...options, store: endpoint }, warn)
  return opened.store.release.length === 0 ? undefined : opened.store
}
