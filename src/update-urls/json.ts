/** Omaha 3.1 and 4.0 in JSON: the question of a browser or its updater, and the answer. */
import * as v from 'valibot'
import { install as installSchema } from '../documents/board.ts'
import { check, packageName } from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined, parseJsonObject } from '../kernel/json.ts'
import {
  maybe,
  nameOf,
  offerOf,
  plainUrl,
  requireApp,
  sha256,
  size,
  status,
  type UrlAnswer,
  urls,
  version,
} from './offer.ts'
import { appIdOf, newestBrowser, nothing, platformOf, type Question } from './question.ts'

export type Protocol = '4.0' | '3.1'

/** @returns the body of a POST. Ids of requests are the same each time: nobody is to be counted by them. */
export function jsonQuestion({ app, channel, board }: Question, protocol: Protocol): string {
  const { os, arch, system, processor } = platformOf(board)
  const id = '{00000000-0000-4000-8000-000000000000}'
  const one = {
    appid: appIdOf(app),
    version: nothing,
    installsource: 'ondemand',
    release_channel: channel,
    updatecheck: {},
  }
  return JSON.stringify({
    request: {
      ...{ '@os': os, '@updater': 'chromiumcrx', acceptformat: protocol === '4.0' ? 'crx3,download' : 'crx3', arch },
      ...{ dedup: 'cr', ismachine: false, os: { arch: processor, platform: system, version: '' }, prodchannel: '' },
      ...{ prodversion: newestBrowser, protocol, requestid: id, sessionid: id, updaterversion: newestBrowser },
      [protocol === '4.0' ? 'apps' : 'app']: [one],
    },
  })
}

const words = maybe(v.string())
const check3 = v.object({
  urls: v.object({ url: v.pipe(v.array(v.object({ codebase: maybe(plainUrl) })), v.maxLength(32)) }),
  manifest: v.object({
    ...{ version, prodversionmin: maybe(version), run: words, arguments: words },
    packages: v.object({
      package: v.strictTuple(
        [v.object({ name: packageName, size: maybe(size), hash_sha256: maybe(sha256) })],
        'must have one package',
      ),
    }),
  }),
})
const digest = v.object({ sha256 })
const operation = v.looseObject({ type: v.string() })
const check4 = v.object({
  nextversion: version,
  pipelines: v.pipe(
    v.array(v.object({ operations: v.pipe(v.array(operation), v.maxLength(16)) })),
    v.minLength(1, 'has no pipeline'),
    v.maxLength(64),
  ),
})
const whole = v.strictTuple([
  v.object({
    type: v.literal('download'),
    urls: v.pipe(v.array(v.object({ url: plainUrl })), v.maxLength(32)),
    size,
    out: digest,
  }),
  v.object({ type: v.literal('crx3'), in: digest, path: words, arguments: words }),
])
const answered = v.object({
  appid: v.pipe(v.string(), v.maxLength(200)),
  status,
  updatecheck: maybe(v.looseObject({ status })),
})
const apps = v.pipe(v.array(answered), v.maxLength(256))
const response = v.object({ protocol: v.pipe(v.string(), v.maxLength(20)), apps: maybe(apps), app: maybe(apps) })

/**
 * @returns `undefined` for an answer of another protocol than was asked in.
 * @throws PlatteError('bad-document') for anything but an answer, naming the field; 'mismatch' for one about other apps.
 */
export function parseJsonAnswer(body: string, app: string, asked: Protocol): UrlAnswer | undefined {
  const given = parseJsonObject(body.replace(/^\ufeff?(?:\)\]\}'\s*)?/, ''))
  if (given === undefined) throw new PlatteError('bad-document', `the answer is ${kindOf(body)}, not Omaha in JSON`)
  const { protocol, ...read } = check(response, 'the answer: response', given.response)
  if (protocol[0] !== asked[0]) return undefined
  const found = requireApp((asked === '4.0' ? read.apps : read.app) ?? [], app)
  const { updatecheck } = found
  if (found.status !== 'ok') return { status: found.status }
  if (updatecheck === undefined) throw new PlatteError('bad-document', 'the answer: app: has no updatecheck')
  if (updatecheck.status !== 'ok') return { status: updatecheck.status }
  return { status: 'ok', offer: asked === '4.0' ? offer4(updatecheck) : offer3(updatecheck) }
}

const kindOf = (body: string): string => (/^\s*</.test(body) ? 'XML or HTML' : 'no JSON')

function offer3(given: unknown) {
  const { urls: bases, manifest } = check(check3, 'the answer: updatecheck', given)
  const [{ name, size, hash_sha256 }] = manifest.packages.package
  const { version, prodversionmin, run, arguments: words } = manifest
  const whole = bases.url.flatMap(({ codebase }) =>
    codebase === undefined ? [] : new URL(nameOf(name, 'package'), codebase).href,
  )
  return offerOf({
    version,
    urls: check(v.object({ urls }), 'the answer: updatecheck', { urls: whole }).urls,
    ...defined({ size, sha256: hash_sha256, install: installOf(run, words, prodversionmin) }),
  })
}

/** Patches and packed packages are left out: there is always a pipeline for clients that have nothing. */
function offer4(given: unknown) {
  const { nextversion, pipelines } = check(check4, 'the answer: updatecheck', given)
  const types = ({ operations }: (typeof pipelines)[0]) => operations.map(({ type }) => type).join(', ')
  const at = pipelines.findIndex((one) => types(one) === 'download, crx3')
  if (at < 0) {
    const found = pipelines.map((one) => `[${types(one).slice(0, 60)}]`).join(' ')
    throw new PlatteError(
      'refused',
      `the answer: updatecheck: pipelines: none is [download, crx3], but ${found.slice(0, 300)}`,
    )
  }
  const where = `the answer: updatecheck: pipelines.${at}.operations`
  const [download, crx3] = check(whole, where, pipelines[at]?.operations)
  const { size, out } = download
  if (crx3.in.sha256 !== out.sha256)
    throw new PlatteError('bad-document', `${where}.1.in.sha256: is not that of the download`)
  const install = installOf(crx3.path, crx3.arguments)
  const places = check(v.object({ urls }), `${where}: 0`, { urls: download.urls.map(({ url }) => url) }).urls
  return offerOf({ version: nextversion, urls: places, size, sha256: out.sha256, ...defined({ install }) })
}

function installOf(run?: string, words?: string, minBrowser?: string) {
  // Servers send empty texts for what is not run.
  const install = defined({ run: run || undefined, arguments: words || undefined, minBrowser })
  return Object.keys(install).length > 0 ? check(installSchema, 'the answer: updatecheck', install) : undefined
}
