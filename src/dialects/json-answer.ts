/** Answers to JSON requests. "ok" cannot be written without a complete artefact: such an answer crashes Chromium 156. */
import type {
  OmahaAppRequest,
  OmahaAppResponse,
  OmahaOffer,
  OmahaPackage,
  OmahaRequest,
} from '../checks/omaha/omaha.ts'
import { urlPathOf } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { isVersion4 } from './json.ts'

interface NoUpdate {
  readonly status: 'noupdate' | 'error-inexpressible'
  /** For people who look at the traffic. */
  readonly info: string
}

/** @see protocol_3_1.md, `updatecheck` of a response */
interface Update3 {
  readonly status: 'ok'
  readonly urls: { readonly url: readonly { readonly codebase: string }[] }
  readonly manifest: {
    readonly version: string
    readonly packages: { readonly package: readonly [Package3, ...Package3[]] }
  }
}

interface Package3 {
  readonly name: string
  /** In bytes. */
  readonly size: number
  readonly hash_sha256: string
  /** What the client calls this package when it says what it has. */
  readonly fp: string
  readonly required: boolean
}

/** @see protocol_4.md, `pipelines` */
interface Update4 {
  readonly status: 'ok'
  readonly nextversion: string
  /** The client tries one after the other. */
  readonly pipelines: readonly [Pipeline, ...Pipeline[]]
}

interface Pipeline {
  readonly pipeline_id: string
  readonly operations: readonly [Download, Crx3]
}

interface Digest {
  readonly sha256: string
}

interface Download {
  readonly type: 'download'
  readonly urls: readonly { readonly url: string }[]
  /** In bytes. */
  readonly size: number
  readonly out: Digest
}

interface Crx3 {
  readonly type: 'crx3'
  readonly in: Digest
}

/** Clients strip it; it keeps a script tag from running the answer. */
const prefix = `)]}'\n`
/** Days since 2007-01-01, which clients store as the day of their installation and of their last use. */
export const daysAt = (now: Instant): number => Math.floor((now - Date.UTC(2007, 0, 1)) / 86_400_000)

/** @param apps one for each app of the request, in its order. */
export function renderJsonResponse(
  { protocol, apps: asked }: OmahaRequest,
  apps: readonly OmahaAppResponse[],
  now: Instant,
): string {
  const is4 = isVersion4(protocol)
  const list = apps.map((app, index) => renderApp(asked[index] as OmahaAppRequest, app, is4)).join(',')
  const daystart = `{"elapsed_days":${daysAt(now)}}`
  const name = is4 ? 'apps' : 'app'
  return `${prefix}{"response":{"protocol":"${protocol}","server":"platte","daystart":${daystart},"${name}":[${list}]}}`
}

function renderApp({ appId, client }: OmahaAppRequest, app: OmahaAppResponse, is4: boolean): string {
  const nameless = is4 ? 'error-unknownApplication' : 'error-invalidAppId'
  const status = appId === '' ? nameless : app.status
  let text = `{"appid":${JSON.stringify(appId)},"status":"${status}"`
  if (client?.cohort !== undefined) text += `,"cohort":"${client.cohort}"`
  if (client && client.data.length > 0) text += `,"data":${JSON.stringify(client.data.map(noData))}`
  if (app.updateCheck !== undefined && status === 'ok')
    text += `,"updatecheck":${renderUpdateCheck(app.updateCheck, is4, client?.operations)}`
  if (app.events > 0) text += `,"${is4 ? 'events' : 'event'}":[${Array(app.events).fill('{"status":"ok"}').join(',')}]`
  return `${text}}`
}

const noData = (index: string) => ({ name: 'install', index, status: 'error-nodata' })

function renderUpdateCheck(check: NonNullable<OmahaAppResponse['updateCheck']>, is4: boolean, operations = ''): string {
  if ('reason' in check) return JSON.stringify({ status: 'noupdate', info: check.reason } satisfies NoUpdate)
  const offer = 'step' in check ? check.step : check
  const can = operations.split(/[ ,]+/)
  const missing = is4 && operations !== '' ? needed.filter((one) => !can.includes(one)) : []
  if (missing.length > 0) {
    const info = `${offer.version} needs ${missing.join(' and ')}, which this client cannot do`
    return JSON.stringify({ status: 'error-inexpressible', info } satisfies NoUpdate)
  }
  return is4 ? rendered4(offer) : rendered3(offer)
}

const needed = ['download', 'crx3']

/** Callers reuse one offer object for each release and board. */
const once = (render: (offer: OmahaOffer) => object): ((offer: OmahaOffer) => string) => {
  const known = new WeakMap<OmahaOffer, string>()
  return (offer) => {
    const before = known.get(offer)
    if (before !== undefined) return before
    const text = JSON.stringify(render(offer))
    known.set(offer, text)
    return text
  }
}

const rendered3 = once(
  ({ version, codebases, packages: [first, ...others] }): Update3 => ({
    status: 'ok',
    urls: { url: codebases.map((codebase) => ({ codebase })) },
    manifest: { version, packages: { package: [package3(first), ...others.map(package3)] } },
  }),
)

const package3 = ({ name, size, sha256, required }: OmahaPackage): Package3 => ({
  ...{ name, size, hash_sha256: sha256, fp: `1.${sha256}`, required },
})

const rendered4 = once(({ version, codebases, packages: [{ name, size, sha256 }] }): Update4 => {
  const urls = codebases.map((codebase) => ({ url: codebase + urlPathOf(name) }))
  const download = { type: 'download', urls, size, out: { sha256 } } as const
  const pipeline = { pipeline_id: 'full', operations: [download, { type: 'crx3', in: { sha256 } }] } as const
  return { status: 'ok', nextversion: version, pipelines: [pipeline] }
})
