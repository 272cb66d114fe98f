/** The key services that a process can sign with, on Node, Deno and Lambda. */
import type { PublicKey } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Environment } from '../kernel/setting.ts'
import { readAtMost, streamFrom } from '../kernel/streams.ts'
import type { KeyService, ServiceContext, ServiceKey } from '../trust/key-service.ts'
import { transport } from './transport.ts'

/** By the scheme of their URLs. Each is loaded with the first key that is there. */
const services: Readonly<Record<string, () => Promise<KeyService>>> = {
  awskms: async () => (await import('../key-services/aws-kms.ts')).awsKms,
  hashivault: async () => (await import('../key-services/vault.ts')).vault,
}

const timeoutMs = 20_000
const maxAnswerBytes = 256 * 1024

const contextOf = (env: Environment): ServiceContext => ({
  env,
  async send(request) {
    const signal = AbortSignal.timeout(timeoutMs)
    const reply = await transport({ ...request, signal, isKept: true, judge: () => {} })
    const body = await readAtMost(streamFrom(reply.read, reply.drop), maxAnswerBytes, 'the answer')
    return { status: reply.status, text: new TextDecoder().decode(body) }
  },
})

async function serviceOf(text: string): Promise<readonly [KeyService, URL]> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const load = services[text.replace(/:.*/s, '')]
  if (url && load) return [await load(), url]
  throw new PlatteError('usage', `${text.slice(0, 200)} is no key: there is no such key service`, {
    hint: `use a file, env://NAME, or a URL of ${Object.keys(services).join(' or ')}`,
  })
}

/** @throws PlatteError as `KeyService`. */
export async function openServiceKey(text: string, env: Environment, publicKey?: PublicKey): Promise<ServiceKey> {
  const [service, url] = await serviceOf(text)
  return service.open(url, contextOf(env), publicKey)
}

export async function makeServiceKey(text: string, env: Environment) {
  const [service, url] = await serviceOf(text)
  return service.make(url, contextOf(env))
}
