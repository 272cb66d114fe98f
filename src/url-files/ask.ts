/** One bounded question to somebody else's server, and its answer as a text. */
import { PlatteError } from '../kernel/errors.ts'
import { readAtMost } from '../kernel/streams.ts'
import { type FetchRequest, fetchBounded } from '../store/http/fetch.ts'

/** A server is left after that much silence, or when its answer has taken that long. */
export const patience = { idleMs: 20_000, totalMs: 60_000 }

export type Question = Omit<FetchRequest, keyof typeof patience>

/**
 * @param name what messages call the answer. @returns an empty text where the status is not 200.
 * @throws PlatteError('store-unavailable') without an answer; 'forbidden'; 'too-large'; 'bad-document' for other bytes than UTF-8.
 */
export async function askText(question: Question, { name, maxBytes }: { name: string; maxBytes: number }) {
  const response = await fetchBounded({ ...question, ...patience })
  const { status, origin } = response
  if (status === 200) {
    const bytes = await readAtMost(response.body(response.length), maxBytes, name)
    return { status, origin, text: decode(bytes, name) }
  }
  await response.drop()
  return { status, origin, text: '' }
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new PlatteError('bad-document', `${name}: is not in UTF-8`, { cause })
  }
}

/** What a status that is an error means. */
export function refusalOf({ status, origin }: { status: number; origin: string }, key: string, hint: string) {
  const code = status === 401 || status === 403 ? 'forbidden' : 'store-unavailable'
  return new PlatteError(code, `${key}: ${origin} answers ${status}`, { hint })
}

/** A URL that is written into answers and logs. @returns `undefined` for anything else, or with credentials or a fragment. */
export function plainUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url && ['http:', 'https:'].includes(url.protocol) && !url.username && !url.password && !url.hash
  return isPlain ? url : undefined
}
