/** Omaha 3.0 as XML: what update_engine, go-omaha and ue-rs send and accept. */

import { PlatteError } from '../../kernel/errors.ts'
import { maxRequestBytes } from '../../kernel/limits.ts'
import { parseCanonical } from './canonical.ts'
import type {
  OmahaAppResponse,
  OmahaOffer,
  OmahaPackage,
  OmahaRequest,
  OmahaResponse,
  OmahaStep,
  OmahaSteps,
} from './omaha.ts'
import { escapeInnerQuotes } from './repair.ts'
import { parseStrict } from './strict.ts'
import { escapeAttribute } from './xml-text.ts'

/**
 * Reads an Omaha 3.x request. A byte order mark, a missing XML declaration, unknown attributes and elements, and double
 * quotes that update_engine leaves unescaped in a value are all read; a DTD is not.
 * @param body decoded from at most `maxRequestBytes` of UTF-8.
 * @throws PlatteError('bad-request') naming the element and offset at fault; 'too-large' naming the limit.
 * @see flatcar/update_engine omaha_request_action.cc, go-omaha protocol.go
 */
export function parseOmahaRequest(body: string): OmahaRequest {
  if (body.length > maxRequestBytes)
    throw new PlatteError('too-large', `the request is too large: more than ${maxRequestBytes} bytes`)
  return parseCanonical(body) ?? parseOrRepair(body)
}

function parseOrRepair(body: string): OmahaRequest {
  try {
    return parseStrict(body)
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

/**
 * Writes a response that every generation of update_engine, go-omaha and ue-rs reads: no namespace, no indentation,
 * `codebase` alone in its `<url>`, nothing that changes from one check to the next.
 */
export function renderOmahaResponse(response: OmahaResponse): string {
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
  return 'steps' in updateCheck ? renderSteps(updateCheck.steps) : renderOffer(updateCheck)
}

/** Callers reuse one offer object for each release and board. */
const renderedOffers = new WeakMap<OmahaOffer, string>()

function renderOffer(offer: OmahaOffer): string {
  const known = renderedOffers.get(offer)
  if (known !== undefined) return known
  const rendered = `<updatecheck status="ok">${renderUrls(offer)}${renderManifest(offer, '')}</updatecheck>`
  renderedOffers.set(offer, rendered)
  return rendered
}

/** All manifests share the URL of the last step: Nebraska answers so, and its syncer expects it. */
function renderSteps(steps: OmahaSteps): string {
  const manifests = steps.map((step) => renderManifest(step.offer, marksOf(step))).join('')
  return `<updatecheck status="ok">${renderUrls((steps.at(-1) ?? steps[0]).offer)}${manifests}</updatecheck>`
}

const marksOf = ({ floor, isTarget }: OmahaStep): string =>
  (floor === undefined ? '' : ` is_floor="true" floor_reason="${escapeAttribute(floor)}"`) +
  (isTarget ? ' is_target="true"' : '')

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
