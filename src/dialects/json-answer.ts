/** Answers to JSON requests. "ok" cannot be written without a complete artefact: such an answer crashes Chromium 156. */
import { daysAt, type OmahaClient } from '../checks/omaha/client.ts'
import type {
  OmahaAppRequest,
  OmahaAppResponse,
  OmahaOffer,
  OmahaPackage,
  OmahaPatch,
  OmahaRequest,
} from '../checks/omaha/omaha.ts'
import { urlPathOf } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { defined } from '../kernel/json.ts'
import { isVersion4 } from './json.ts'

interface NoUpdate {
  readonly status: 'noupdate' | 'error-inexpressible'
  /** For people who look at the traffic. */
  readonly info: string
}

/** @see protocol_3_1.md, `updatecheck` of a response */
interface Update3 {
  readonly status: 'ok'
  readonly urls: { readonly url: readonly ({ readonly codebase: string } | { readonly codebasediff: string })[] }
  readonly manifest: {
    readonly version: string
    readonly prodversionmin?: string
    readonly run?: string
    readonly arguments?: string
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
  /** A puffin patch. */
  readonly namediff?: string
  readonly hashdiff_sha256?: string
  /** In bytes. */
  readonly sizediff?: number
}

/** @see protocol_4.md, `pipelines` */
interface Update4 {
  readonly status: 'ok'
  readonly nextversion: string
  /** The client tries one after the other. */
  readonly pipelines: readonly [...Pipeline[], Pipeline]
}

interface Pipeline {
  readonly pipeline_id: string
  readonly operations: readonly [Download, Crx3] | readonly [Download, Patched, Crx3]
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

/** Makes the package of a file that the client has. */
interface Patched {
  readonly type: 'puff' | 'zucc'
  readonly previous: Digest
  readonly out: Digest
}

interface Crx3 {
  readonly type: 'crx3'
  readonly in: Digest
  /** The program in it that is run. */
  readonly path?: string
  readonly arguments?: string
}

/** Clients strip it; it keeps a script tag from running the answer. */
const prefix = `)]}'\n`

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
    text += `,"updatecheck":${renderUpdateCheck(app.updateCheck, is4, client)}`
  if (app.events > 0) text += `,"${is4 ? 'events' : 'event'}":[${Array(app.events).fill('{"status":"ok"}').join(',')}]`
  return `${text}}`
}

const noData = (index: string) => ({ name: 'install', index, status: 'error-nodata' })

function renderUpdateCheck(
  check: NonNullable<OmahaAppResponse['updateCheck']>,
  is4: boolean,
  { operations = '', held = [] }: Partial<OmahaClient> = {},
): string {
  if ('reason' in check) return JSON.stringify({ status: 'noupdate', info: check.reason } satisfies NoUpdate)
  const offer = 'step' in check ? check.step : check
  const can = operations.split(/[ ,]+/)
  const missing = is4 && operations !== '' ? needed.filter((one) => !can.includes(one)) : []
  if (missing.length > 0) {
    const info = `${offer.version} needs ${missing.join(' and ')}, which this client cannot do`
    return JSON.stringify({ status: 'error-inexpressible', info } satisfies NoUpdate)
  }
  const patches = (offer.patches ?? []).filter(({ patch }) => can.includes(patch.kind) && held.includes(patch.from))
  if (is4) return patches.length > 0 ? JSON.stringify(update4(offer, patches)) : rendered4(offer)
  const puff = patches.find(({ patch }) => patch.kind === 'puff')
  return puff ? JSON.stringify(update3(offer, puff)) : rendered3(offer)
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

const rendered3 = once((offer) => update3(offer))
const rendered4 = once((offer) => update4(offer, []))

function update3(
  { version, codebases, packages: [first, ...others], install = {} }: OmahaOffer,
  puff?: OmahaPatch,
): Update3 {
  const { run, arguments: given, minBrowser } = install
  const diff = puff && { namediff: puff.name, hashdiff_sha256: puff.sha256, sizediff: puff.size }
  return {
    status: 'ok',
    urls: {
      url: [
        ...codebases.map((codebase) => ({ codebase })),
        ...(puff ? codebases.map((codebasediff) => ({ codebasediff })) : []),
      ],
    },
    manifest: {
      ...{ version, ...defined({ prodversionmin: minBrowser, run, arguments: given }) },
      packages: { package: [{ ...package3(first), ...diff }, ...others.map(package3)] },
    },
  }
}

const package3 = ({ name, size, sha256, required }: OmahaPackage): Package3 => ({
  ...{ name, size, hash_sha256: sha256, fp: `1.${sha256}`, required },
})

/** Patches first: clients fall back on the whole package. */
function update4(
  { version, codebases, packages: [first], install = {} }: OmahaOffer,
  patches: readonly OmahaPatch[],
): Update4 {
  const { sha256 } = first
  const crx3: Crx3 = { type: 'crx3', in: { sha256 }, ...defined({ path: install.run, arguments: install.arguments }) }
  const download = ({ name, size, sha256 }: Pick<OmahaPackage, 'name' | 'size' | 'sha256'>): Download => ({
    ...{ type: 'download', urls: codebases.map((codebase) => ({ url: codebase + urlPathOf(name) })) },
    ...{ size, out: { sha256 } },
  })
  const patched = patches.map((one): Pipeline => {
    const { kind, from } = one.patch
    const apply: Patched = { type: kind, previous: { sha256: from }, out: { sha256 } }
    return { pipeline_id: `${kind}_${from.slice(0, 8)}`, operations: [download(one), apply, crx3] }
  })
  const full: Pipeline = { pipeline_id: 'full', operations: [download(first), crx3] }
  return { status: 'ok', nextversion: version, pipelines: [...patched, full] }
}
