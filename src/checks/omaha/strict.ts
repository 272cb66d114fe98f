/** Reads any well-formed Omaha 3.x request, in whatever order and with whatever unknown parts a client writes it. */
import { PlatteError } from '../../kernel/errors.ts'
import type { OmahaRequest } from './omaha.ts'
import { type AppElement, type Attributes, appRequest } from './values.ts'
import { scanXml } from './xml-scanner.ts'

/** A machine asks for its OS; ChromiumOS adds a dozen parts of it. */
const maxApps = 32
/** update_engine sends one; a go-omaha client that was offline may send a few. */
const maxEvents = 64

interface AppDraft extends AppElement {
  ping: boolean
  updatecheck: boolean
  readonly events: Attributes[]
}
interface Draft {
  request: Attributes
  /** The first one that the request has. */
  os: Attributes | undefined
  readonly apps: AppDraft[]
  /** The app whose children come next. */
  app: AppDraft | undefined
}

/**
 * Reads without the fast path and without repairs.
 * @throws PlatteError('bad-request') naming the element and offset at fault; 'too-large' naming the limit.
 */
export function parseStrict(text: string): OmahaRequest {
  const draft: Draft = { request: {}, os: undefined, apps: [], app: undefined }
  scanXml(text, (name, attributes, depth) => levels[depth]?.(draft, name, Object.fromEntries(attributes)))
  const { request, os = {}, apps } = draft
  return {
    protocol: request.protocol ?? '',
    installSource: request.installsource ?? '',
    apps: apps.map((app) => appRequest(app, os, request.version)),
  }
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
  if (draft.apps.length === maxApps)
    throw new PlatteError('too-large', `the request is too large: more than ${maxApps} apps`)
  draft.app = { attributes, ping: false, updatecheck: false, events: [] }
  draft.apps.push(draft.app)
}

function readAppChild({ app }: Draft, name: string, attributes: Attributes): void {
  if (app === undefined) return
  if (name === 'ping') app.ping = true
  if (name === 'updatecheck') app.updatecheck = true
  if (name !== 'event') return
  if (app.events.length === maxEvents)
    throw new PlatteError('too-large', `the request is too large: more than ${maxEvents} events of one app`)
  app.events.push(attributes)
}
