/** gupdate 2.0: the question of a browser for one extension, and the answer, which may also be a file that lists several. */
import * as v from 'valibot'
import { scanXml } from '../checks/omaha/xml-scanner.ts'
import { check, publishedVersion } from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { visible } from '../kernel/format.ts'
import { defined } from '../kernel/json.ts'
import { newestFirst } from '../release/version.ts'
import { maybe, offerOf, plainUrl, requireApp, sha256, size, status, type UrlAnswer } from './offer.ts'
import { appIdOf, newestBrowser, nothing, platformOf, type Question } from './question.ts'

const answer = { name: 'the answer', maxMarkup: 8192, maxAttributes: 16_384 }

/** @returns the URL, with the query of a browser behind its own. */
export function gupdateUrl({ url, app, channel, board }: Question): string {
  const { os, arch, processor } = platformOf(board)
  const asked = new URL(url)
  const x = `id=${appIdOf(app)}&v=${nothing}&installsource=notfromwebstore&installedby=policy&uc`
  const query = {
    ...{ os, arch, os_arch: processor, prod: 'chromiumcrx', prodchannel: '', prodversion: newestBrowser },
    ...{ lang: 'en-US', acceptformat: 'crx3', x },
  }
  for (const [name, value] of Object.entries(query)) asked.searchParams.append(name, value)
  // The policy of a browser names it in the URL; `stable` is what everybody gets.
  if (channel !== 'stable' && !asked.searchParams.has('channel')) asked.searchParams.set('channel', channel)
  return asked.href
}

const updateCheck = v.object({
  status: maybe(status, 'ok'),
  codebase: maybe(plainUrl),
  version: maybe(publishedVersion),
  prodversionmin: maybe(publishedVersion),
  hash_sha256: maybe(sha256),
  size: maybe(v.pipe(v.string(), v.regex(/^[1-9]\d{0,14}$/, 'must be a number of bytes'), v.transform(Number), size)),
})
type Attributes = Readonly<Record<string, string>>
interface App {
  readonly appid: string
  readonly status: string
  readonly checks: Attributes[]
}

/** @throws PlatteError('bad-document') for anything but an answer, naming the field; 'mismatch' without the app. */
export function parseGupdateAnswer(text: string, app: string): UrlAnswer {
  const apps: App[] = []
  const take = (name: string, attributes: ReadonlyMap<string, string>, depth: number) =>
    takeElement(apps, name.slice(name.indexOf(':') + 1), { depth, attributes: Object.fromEntries(attributes) })
  try {
    scanXml(text.replace(/^\ufeff/, ''), take, answer)
  } catch (error) {
    if (!(error instanceof PlatteError && error.code === 'bad-request')) throw error
    throw new PlatteError('bad-document', error.message, { cause: error })
  }
  const found = requireApp(apps, app)
  if (found.status !== 'ok') return { status: found.status }
  const read = found.checks.map((one, i) => check(updateCheck, `the answer: updatecheck.${i}`, one))
  const [best] = read
    .flatMap((one) => (one.version === undefined ? [] : { ...one, version: one.version }))
    .sort(newestFirst)
  const first = best ?? read[0]
  if (first === undefined) throw new PlatteError('bad-document', 'the answer: app: has no updatecheck')
  if (first.status !== 'ok') return { status: first.status }
  const { version, codebase, prodversionmin: minBrowser } = first
  if (version === undefined || codebase === undefined)
    throw new PlatteError(
      'bad-document',
      `the answer: updatecheck: has no ${version === undefined ? 'version' : 'codebase'}`,
    )
  const install = minBrowser === undefined ? undefined : { minBrowser }
  const more = defined({ size: first.size, sha256: first.hash_sha256, install })
  return { status: 'ok', offer: offerOf({ version, urls: [codebase], ...more }) }
}

function takeElement(
  apps: App[],
  name: string,
  { depth, attributes }: { depth: number; attributes: Attributes },
): void {
  if (depth === 0) {
    if (name !== 'gupdate')
      throw new PlatteError('bad-document', `the answer is a <${visible(name.slice(0, 40))}>, not a <gupdate>`)
    if (attributes.protocol !== '2.0')
      throw new PlatteError('bad-document', 'the answer: protocol: is not "2.0", and browsers take no other')
  }
  if (depth === 1 && name === 'app') {
    const { appid = '', status = 'ok' } = attributes
    apps.push({ appid: visible(appid.slice(0, 80)), status: visible(status.slice(0, 100)), checks: [] })
  }
  if (depth === 2 && name === 'updatecheck') apps.at(-1)?.checks.push(attributes)
}
