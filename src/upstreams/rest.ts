/** Reads lists of a REST API over HTTP, bounded: every refusal names the URL and the field. */

import * as v from 'valibot'
import { check } from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { readAtMost } from '../kernel/streams.ts'
import { addressScope } from '../store/http/address.ts'
import { type Configured, type FetchResponse, fetchBounded } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'
import { unusable } from './foreign.ts'

export interface Rest {
  /** Without "/" at its end. */
  readonly url: string
  /** A bearer token. */
  readonly token?: string | undefined
  readonly transport: Transport
  /** How near it turned out to be. */
  readonly from: Configured
}

const maxBytes = 16 * 1024 * 1024
const idleMs = 20_000
/** More than any catalog holds channels. */
const maxItems = 5_000
/** Nebraska sends 10 unasked. */
const perPage = 100

/** A token is sent encrypted, or within this machine. @throws PlatteError('usage') */
export function checkToken({ url, token }: Pick<Rest, 'url' | 'token'>): void {
  const { protocol, hostname, origin } = new URL(url)
  if (token === undefined || protocol === 'https:' || addressScope(hostname) === 'machine') return
  throw new PlatteError('usage', `the token would be sent to ${origin} unencrypted`, {
    hint: 'use https, or a tunnel to a port of this machine',
  })
}

/**
 * Reads a JSON document. @returns `undefined` for 404.
 * @throws PlatteError('unauthorized') for 401 and 403; 'bad-document' for other content; 'store-unavailable'.
 */
export async function getJson<T>(rest: Rest, path: string, schema: v.GenericSchema<unknown, T>) {
  const url = rest.url + path
  const headers = { accept: 'application/json', ...(rest.token && { authorization: `Bearer ${rest.token}` }) }
  const { transport, from } = rest
  const answer = await fetchBounded({ url, from, key: url, headers, transport, idleMs, totalMs: 3 * idleMs })
  if (answer.status === 200) return check(schema, url, await parse(url, answer))
  await answer.drop()
  if (answer.status === 404) return undefined
  throw failure(url, answer.status, rest.token !== undefined)
}

function failure(url: string, status: number, hasToken: boolean): PlatteError {
  if (status !== 401 && status !== 403) return new PlatteError('store-unavailable', `${url}: answers ${status}`)
  const hint = hasToken
    ? 'the token may have expired, or lacks the role of a viewer'
    : 'give one with --token-file FILE'
  return new PlatteError('unauthorized', `${url}: answers ${status}: it wants ${hasToken ? 'another' : 'a'} token`, {
    hint,
  })
}

async function parse(url: string, answer: FetchResponse): Promise<unknown> {
  const bytes = await readAtMost(answer.body(answer.length), maxBytes, url)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    const type = answer.headers.get('content-type') ?? 'no content type'
    throw unusable(
      url,
      `is not JSON (${type.slice(0, 80)})`,
      'give the address of the server itself, such as https://HOST',
    )
  }
}

/** Reads all pages of a list. @param member what the list is called. @returns `undefined` where there is no such list. */
export async function getPages<T extends { readonly id: string }>(
  rest: Rest,
  path: string,
  member: string,
  item: v.GenericSchema<unknown, T>,
): Promise<readonly T[] | undefined> {
  const schema = v.object({ totalCount: v.number(), [member]: v.nullable(v.array(item)) })
  const items = new Map<string, T>()
  for (let page = 1; ; page++) {
    const query = `${path}?page=${page}&perpage=${perPage}`
    const answer = await getJson(rest, query, schema)
    const where = rest.url + query
    if (answer === undefined && page === 1) return undefined
    const total = Number(answer?.totalCount)
    const list = (answer?.[member] ?? []) as readonly T[]
    const most = Math.max(total, items.size + list.length)
    if (most > maxItems) throw unusable(where, `${member}: has ${most}, more than ${maxItems}`)
    const before = items.size
    for (const one of list) items.set(one.id, one)
    if (items.size >= total) return [...items.values()]
    if (items.size === before) throw unusable(where, `${member}: brings nothing new, after ${before} of ${total}`)
  }
}
