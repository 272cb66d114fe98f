/** Commands that a publish function carries out: with the identity of the pipeline that they run in. */

import type { ChannelCommand } from '../../channels/commands.ts'
import type { Publisher } from '../../channels/publish.ts'
import { environmentOf, type Options, openStoreOf, settingsOf } from '../../cli/options.ts'
import { warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { callFunction } from '../client/ask-function.ts'
import { findIdToken } from '../client/id-token.ts'
import { proposalOf } from '../countersign.ts'
import { type Claims, provenanceOf } from '../policy.ts'
import { perform } from '../publish-function.ts'

/** A publish function that orders are sent to. */
export interface Endpoint {
  /** Without a "/" at the end. */
  readonly url: string
  /** Sends what it takes an identity for. @returns what it answers. */
  post<Result>(path: string, body: object): Promise<Result>
  /** Sends an order; with a release key at hand signed, too. */
  send<Result>(order: ChannelCommand): Promise<Result>
}

/** @throws PlatteError('configuration') where the settings do not do; 'unauthorized' without a token. */
export async function openEndpoint(options: Options): Promise<Endpoint> {
  const { endpoint: url } = settingsOf(options, [])
  if (url === undefined) throw new PlatteError('usage', '--endpoint names no URL')
  const env = environmentOf(options)
  const signing = await openSigning(options)
  const newToken = () => findIdToken(env, env.PLATTE_AUDIENCE || url)
  const post = async <Result>(path: string, said: object, token?: string): Promise<Result> => {
    const body = JSON.stringify(said)
    const headers = { authorization: `Bearer ${token ?? (await newToken())}`, 'content-type': 'application/json' }
    return JSON.parse(await callFunction({ url: url + path, headers, body }))
  }
  return {
    url,
    post: (path, body) => post(path, body),
    async send<Result>(order: ChannelCommand): Promise<Result> {
      const token = await newToken()
      const { action, ...said } = order
      const manifest = signing && !order.dryRun && (await proposalFor(signing, order, token))
      const body = { ...said, ...(manifest && { manifest }) }
      const answer = await post<Result & { readonly manifest: string }>(`/v1/${action}`, body, token)
      return { ...answer, manifest: new URL(answer.manifest, `${url}/`).href }
    },
  }
}

/** What the function will sign, too, where it comes to the same: so it says where it comes from, as the function would. */
function proposalFor(signing: Publisher, order: ChannelCommand, token: string): Promise<object | undefined> {
  const { iss, ...claims } = claimsOf(token)
  const dated = { ...signing, datedAt: signing.clock(), provenance: provenanceOf(String(iss), claims) }
  return proposalOf(dated, order, (here) => perform(here, order, async () => {}))
}

/** @throws PlatteError('unauthorized') for what is no token. */
function claimsOf(token: string): Claims {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  } catch {
    throw new PlatteError('unauthorized', 'the identity token of this pipeline is no JSON Web Token')
  }
}

/** With a release key at hand, from the documents that the endpoint serves, or from the store that is named. */
async function openSigning(options: Options): Promise<Publisher | undefined> {
  const { releaseKey, keysDir, store, endpoint = '' } = settingsOf(options, [])
  if (releaseKey === undefined && keysDir === undefined) return undefined
  const opened = await openStoreOf(store ? options : { ...options, store: endpoint }, warn)
  return opened.store.release.length === 0 ? undefined : opened.store
}
