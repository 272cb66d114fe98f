/** Asks an update URL for the newest release of one app and board, as a browser that has nothing of it. */
import { isNamedByKey } from '../crx/door.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Configured, FetchRequest } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'
import { statAt } from '../store/http/upstream.ts'
import { askText, patience, refusalOf } from '../url-files/ask.ts'
import { gupdateUrl, parseGupdateAnswer } from './gupdate.ts'
import { jsonQuestion, type Protocol, parseJsonAnswer } from './json.ts'
import type { UrlAnswer, UrlOffer } from './offer.ts'
import type { Question } from './question.ts'

export type UrlDialect = 'gupdate' | 'json'
type Asking = Readonly<{ from: Configured; transport: Transport }>
type Sized = UrlOffer['packages'][0] & { readonly size: number }
/** An offer whose size is known. */
export type SizedOffer = Omit<UrlOffer, 'packages'> & { readonly packages: readonly [Sized] }

const maxAnswerBytes = 1024 * 1024
const key = 'the update check'
const checkPath = 'check the path of the upstream: gupdate: is for GET, omaha-json: for POST'

/**
 * @returns nothing where the server has no update.
 * @throws PlatteError('refused') for a status that is an error; 'store-unavailable' without an answer; 'forbidden';
 *   'bad-document' and 'mismatch' for an answer that cannot be used.
 */
export async function askUpdateUrl(dialect: UrlDialect, asking: Asking, wanted: Omit<Question, 'url'>) {
  const question = { ...wanted, url: asking.from.url }
  const answer = await (dialect === 'gupdate' ? askGupdate(asking, question) : askJson(asking, question))
  if (answer.offer) {
    // The key that names an app signs its packages.
    if (answer.offer.packages[0].sha256 === undefined && !isNamedByKey(wanted.app))
      throw new PlatteError('bad-document', 'the answer: package: has no SHA-256, and no key names its app')
    return sized(asking, answer.offer)
  }
  if (answer.status === 'noupdate') return undefined
  const hint = /unknown|invalid/i.test(answer.status) ? 'it does not know this app: check --app' : 'try again later'
  throw new PlatteError('refused', `the answer: status: is ${JSON.stringify(answer.status)}`, { hint })
}

async function askGupdate(asking: Asking, question: Question): Promise<UrlAnswer> {
  const answer = await send(asking, { url: gupdateUrl(question) })
  if (answer.status !== 200) throw refusalOf(answer, key, checkPath)
  const { text } = answer
  if (/^\s*(?:\)\]\}'|\{)/.test(text))
    throw new PlatteError('bad-document', 'the answer is JSON, not a <gupdate>', {
      hint: 'write it like omaha-json:URL',
    })
  return parseGupdateAnswer(text, question.app)
}

/** Servers of 3.1 refuse 4.0, or answer in what they know. */
async function askJson(asking: Asking, question: Question): Promise<UrlAnswer> {
  return (await askJsonIn(asking, question, '4.0')) ?? (await askJsonIn(asking, question, '3.1')) ?? noJson()
}

function noJson(): never {
  throw new PlatteError('bad-document', 'the answer: protocol: is neither 4.0 nor 3.1, in which it was asked')
}

async function askJsonIn(asking: Asking, question: Question, protocol: Protocol): Promise<UrlAnswer | undefined> {
  const headers = { 'content-type': 'application/json' }
  const body = jsonQuestion(question, protocol)
  const answer = await send(asking, { url: question.url, method: 'POST', body, headers })
  const { status, text } = answer
  if (status === 200) return parseJsonAnswer(text, question.app, protocol)
  if (protocol === '4.0' && status >= 400 && status !== 401 && status !== 403) return undefined
  throw refusalOf(answer, key, checkPath)
}

const send = ({ from, transport }: Asking, more: Pick<FetchRequest, 'url' | 'method' | 'body' | 'headers'>) =>
  askText(
    { ...more, headers: { accept: '*/*', ...more.headers }, key, from, transport },
    { name: 'the answer', maxBytes: maxAnswerBytes },
  )

/** Asks for the size of a package that the answer does not give. */
async function sized({ from, transport }: Asking, offer: UrlOffer): Promise<SizedOffer> {
  const [one] = offer.packages
  const [base = ''] = offer.codebases
  const url = offer.areFiles ? base : base + encodeURIComponent(one.name)
  const size = one.size ?? (await statAt({ url, key: one.name, from, transport, ...patience }))?.size
  if (size === undefined) throw new PlatteError('missing', `${one.name}: the server has no such file`)
  return { ...offer, packages: [{ ...one, size }] }
}
