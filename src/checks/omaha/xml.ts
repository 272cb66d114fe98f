/** Omaha 3.0 as XML: what update_engine, go-omaha and ue-rs send and accept. */
import { PlatteError } from '../../kernel/errors.ts'
import { maxRequestBytes } from '../../kernel/limits.ts'
import type { OmahaAppResponse, OmahaOffer, OmahaPackage, OmahaRequest, OmahaStep } from './omaha.ts'
import { type AppElement, type Attributes, appRequest, noAttributes } from './omaha.ts'
import { escapeInnerQuotes } from './repair.ts'
import { scanXml } from './xml-scanner.ts'
import { escapeAttribute } from './xml-text.ts'

/**
 * Reads an Omaha 3.x request. A byte order mark, a missing XML declaration, unknown attributes and elements, and double
 * quotes that update_engine leaves unescaped in a value are all read; a DTD is not.
 * @param body decoded from at most `maxRequestBytes` of UTF-8.
 * @throws PlatteError('bad-request') naming the element and offset at fault; 'too-large' naming the limit.
 * @see flatcar/update_engine omaha_request_action.cc, go-omaha protocol.go
 */
export function parseOmahaRequest(body: string): OmahaRequest {
  if (body.length > maxRequestBytes) throw tooLarge(`${maxRequestBytes} bytes`)
  try {
    return parseCanonical(body) ?? parseStrict(body)
  } catch (error) {
    const repaired = error instanceof PlatteError && error.code === 'bad-request' ? escapeInnerQuotes(body) : body
    if (repaired === body) throw error
    try {
      return parseStrict(repaired)
    } catch {
      throw error
    }
  }
}

/*
 * The one shape that update_engine writes (omaha_request_action.cc:89-241): one app, attributes in one order, ASCII.
 * Anything else is left to the strict reader; what is read here reads there to the same values.
 */

/** An attribute's value that means itself: no references, no quotes, no blanks but spaces. */
const V = `[ !#-%'-;=-~]*`
/** Between elements. Every part below starts with a character that the part before it cannot hold, so nothing backtracks far. */
const S = '[ \\n]*'

const canonical = new RegExp(
  [
    `^<\\?xml version="1\\.0" encoding="UTF-8"\\?>${S}`,
    `<request protocol="(3\\.\\d{1,3})" version="${V}" updaterversion="${V}"`,
    ` installsource="(${V})" ismachine="${V}">${S}`,
    `<os version="${V}" platform="${V}" sp="(${V})"></os>${S}`,
    `<app appid="(${V})" version="(${V})" track="(${V})" bootid="(${V})"`,
    ` oem="(${V})" oemversion="(${V})" alephversion="${V}" machineid="(${V})"`,
    `(?: machinealias="(${V})")? lang="${V}" board="(${V})"`,
    ` hardware_class="${V}" delta_okay="${V}" ?>${S}`,
    `(<ping active="${V}"></ping>${S})?`,
    `(<updatecheck></updatecheck>${S})?`,
    `(<event eventtype="(${V})" eventresult="(${V})"`,
    `(?: errorcode="(${V})")?(?: previousversion="(${V})")?></event>${S})?`,
    `</app>${S}</request>${S}$`,
  ].join(''),
)

/** @returns `undefined` for a request of any other shape, well-formed or not. */
export function parseCanonical(text: string): OmahaRequest | undefined {
  const match = canonical.exec(text)
  if (match === null) return undefined
  const [ping, event] = [match[13] !== undefined, match[15] !== undefined]
  const updatecheck = match[14] === undefined ? undefined : noAttributes
  // Neither is what a syncer sends, and no machine.
  if (!ping && !event) return undefined
  const attributes = {
    appid: match[4],
    version: match[5],
    track: match[6],
    bootid: match[7],
    oem: match[8],
    oemversion: match[9],
    machineid: match[10],
    machinealias: match[11],
    board: match[12],
  }
  const events = event
    ? [{ eventtype: match[16], eventresult: match[17], errorcode: match[18], previousversion: match[19] }]
    : []
  const app = appRequest({ attributes, ping, updatecheck, events }, { sp: match[3] })
  return { protocol: match[1] ?? '', installSource: match[2] ?? '', apps: [app] }
}

/** A machine asks for its OS; ChromiumOS adds dozens of parts of it. */
const maxApps = 256
/** update_engine sends one; a go-omaha client that was offline may send a few. */
const maxEvents = 64

interface Draft {
  request: Attributes
  /** The first one that the request has. */
  os: Attributes | undefined
  readonly apps: AppElement[]
  /** The app whose children come next. */
  app: AppElement | undefined
}

/** Any well-formed request, in whatever order and with whatever unknown parts, without the fast path and repairs. */
export function parseStrict(text: string): OmahaRequest {
  const draft: Draft = { request: {}, os: undefined, apps: [], app: undefined }
  scanXml(text, (name, attributes, depth) => levels[depth]?.(draft, name, Object.fromEntries(attributes)))
  const { request, os = {}, apps } = draft
  const { protocol = '', installsource: installSource = '', version } = request
  return { protocol, installSource, apps: apps.map((app) => appRequest(app, os, version)) }
}

const levels = [readRequest, readRequestChild, readAppChild]

function readRequest(draft: Draft, name: string, attributes: Attributes): void {
  if (name !== 'request')
    throw new PlatteError('bad-request', `the root element is <${name.slice(0, 40)}> and not <request>`)
  draft.request = attributes
  const { protocol = '' } = attributes
  if (/^3\.\d{1,3}$/.test(protocol)) return
  const shown = JSON.stringify(protocol.slice(0, 40))
  throw new PlatteError('bad-request', `<request> is of Omaha protocol ${shown}; this endpoint speaks 3.x`)
}

function readRequestChild(draft: Draft, name: string, attributes: Attributes): void {
  draft.app = undefined
  if (name === 'os') draft.os ??= attributes
  if (name !== 'app') return
  if (draft.apps.length === maxApps) throw tooLarge(`${maxApps} apps`)
  draft.app = { attributes, ping: false, updatecheck: undefined, events: [] }
  draft.apps.push(draft.app)
}

function readAppChild({ app }: Draft, name: string, attributes: Attributes): void {
  if (app === undefined) return
  if (name === 'ping') app.ping = true
  if (name === 'updatecheck') app.updatecheck ??= attributes
  if (name !== 'event') return
  if (app.events.length === maxEvents) throw tooLarge(`${maxEvents} events of one app`)
  app.events.push(attributes)
}

const tooLarge = (what: string): PlatteError =>
  new PlatteError('too-large', `the request is too large: more than ${what}`)

/**
 * Writes a response that every generation of update_engine, go-omaha and ue-rs reads: no namespace, no indentation,
 * `codebase` alone in its `<url>`, nothing that changes from one check to the next.
 */
export function renderOmahaResponse(response: { readonly apps: readonly OmahaAppResponse[] }): string {
  let apps = ''
  for (const app of response.apps) apps += renderApp(app)
  return `<?xml version="1.0" encoding="UTF-8"?>\n<response protocol="3.0" server="platte"><daystart elapsed_seconds="0"/>${apps}</response>`
}

function renderApp(app: OmahaAppResponse): string {
  const ping = app.ping ? '<ping status="ok"/>' : ''
  const events = '<event status="ok"/>'.repeat(app.events)
  return `<app appid="${escapeAttribute(app.appId)}" status="${app.status}">${ping}${renderUpdateCheck(app)}${events}</app>`
}

function renderUpdateCheck({ updateCheck }: OmahaAppResponse): string {
  if (updateCheck === undefined) return ''
  if ('reason' in updateCheck)
    return `<updatecheck status="noupdate" _no_update_reason="${escapeAttribute(updateCheck.reason)}"/>`
  return 'step' in updateCheck ? renderStep(updateCheck) : renderOffer(updateCheck)
}

/** Callers reuse one offer object for each release and board. */
const renderedOffers = new WeakMap<OmahaOffer, string>()

function renderOffer(offer: OmahaOffer): string {
  const known = renderedOffers.get(offer)
  if (known !== undefined) return known
  // Joined, because V8 keeps a template's parts apart, and copies each of them into every answer.
  const rendered = ['<updatecheck status="ok">', renderUrls(offer), renderManifest(offer, ''), '</updatecheck>'].join(
    '',
  )
  renderedOffers.set(offer, rendered)
  return rendered
}

/**
 * One step, because all manifests of an answer share its URL. Nebraska's syncer takes the last target, and marks as floors
 * only other manifests: a floor is written twice.
 */
function renderStep({ step, floor }: OmahaStep): string {
  const mark = floor === undefined ? '' : ` is_floor="true" floor_reason="${escapeAttribute(floor)}"`
  const manifests = (mark && renderManifest(step, mark)) + renderManifest(step, `${mark} is_target="true"`)
  return `<updatecheck status="ok">${renderUrls(step)}${manifests}</updatecheck>`
}

const renderUrls = ({ codebases }: OmahaOffer): string =>
  `<urls>${codebases.map((codebase) => `<url codebase="${escapeAttribute(codebase)}"/>`).join('')}</urls>`

const renderManifest = (offer: OmahaOffer, marks: string): string =>
  `<manifest version="${escapeAttribute(offer.version)}"${marks}><packages>${offer.packages.map(renderPackage).join('')}</packages><actions>${renderAction(offer)}</actions></manifest>`

function renderPackage(file: OmahaPackage): string {
  return `<package name="${escapeAttribute(file.name)}" hash="${base64(file.sha1)}" hash_sha256="${file.sha256}" size="${file.size}" required="${file.required}"/>`
}

/**
 * The digest is that of the first package, the only one that update_engine installs. Without
 * `MaxFailureCountPerUrl="1"` a dead mirror costs ten failed checks before the next one is tried.
 */
function renderAction({ packages, codebases }: OmahaOffer): string {
  const failures = codebases.length > 1 ? ' MaxFailureCountPerUrl="1"' : ''
  return `<action event="postinstall" sha256="${base64(packages[0].sha256)}" DisablePayloadBackoff="true"${failures}/>`
}

export const base64 = (hex: string): string =>
  btoa(hex.replace(/../g, (byte) => String.fromCharCode(Number.parseInt(byte, 16))))
