/** Reads any well-formed Omaha 3.x request, in whatever order and with whatever unknown parts a client writes it. */
import { PlatteError } from '../../kernel/errors.ts'
import type { OmahaRequest } from './omaha.ts'
import { type AppElement, appRequest, type EventElement, type OsElement } from './values.ts'
import { scanXml } from './xml-scanner.ts'

/** A machine asks for its OS; ChromiumOS adds a dozen parts of it. */
const maxApps = 32
/** update_engine sends one; a go-omaha client that was offline may send a few. */
const maxEvents = 64

type Attributes = ReadonlyMap<string, string>
interface AppDraft extends AppElement {
  ping: boolean
  updatecheck: boolean
  readonly events: EventElement[]
}
interface Draft {
  protocol: string
  installSource: string
  engine: string
  /** The first one that the request has. */
  os: OsElement | undefined
  readonly apps: AppDraft[]
  /** The app whose children come next. */
  app: AppDraft | undefined
}

/**
 * Reads without the fast path and without repairs.
 * @throws PlatteError('bad-request') naming the element and offset at fault; 'too-large' naming the limit.
 */
export function parseStrict(text: string): OmahaRequest {
  const draft: Draft = { protocol: '', installSource: '', engine: '', os: undefined, apps: [], app: undefined }
  scanXml(text, (name, attributes, depth) => levels[depth]?.(draft, name, attributes))
  const os = draft.os ?? { arch: '', sp: '' }
  return {
    protocol: draft.protocol,
    installSource: draft.installSource,
    apps: draft.apps.map((app) => appRequest(app, os, draft.engine)),
  }
}

const levels = [readRequest, readRequestChild, readAppChild]

function readRequest(draft: Draft, name: string, attributes: Attributes): void {
  if (name !== 'request')
    throw new PlatteError('bad-request', `the root element is <${name.slice(0, 40)}> and not <request>`)
  draft.protocol = value(attributes, 'protocol')
  draft.installSource = value(attributes, 'installsource')
  draft.engine = value(attributes, 'version')
  if (/^3\.\d{1,3}$/.test(draft.protocol)) return
  const protocol = JSON.stringify(draft.protocol.slice(0, 40))
  throw new PlatteError('bad-request', `<request> is of Omaha protocol ${protocol}; this endpoint speaks 3.x`)
}

function readRequestChild(draft: Draft, name: string, attributes: Attributes): void {
  draft.app = undefined
  if (name === 'os') draft.os ??= { arch: value(attributes, 'arch'), sp: value(attributes, 'sp') }
  if (name !== 'app') return
  if (draft.apps.length === maxApps)
    throw new PlatteError('too-large', `the request is too large: more than ${maxApps} apps`)
  draft.app = appDraft(attributes)
  draft.apps.push(draft.app)
}

const appDraft = (attributes: Attributes): AppDraft => ({
  appid: value(attributes, 'appid'),
  version: value(attributes, 'version'),
  track: value(attributes, 'track'),
  board: value(attributes, 'board'),
  machineid: value(attributes, 'machineid'),
  oem: value(attributes, 'oem'),
  oemversion: value(attributes, 'oemversion'),
  bootid: value(attributes, 'bootid'),
  machinealias: value(attributes, 'machinealias'),
  multimanifestok: value(attributes, 'multi_manifest_ok'),
  ping: false,
  updatecheck: false,
  events: [],
})

function readAppChild({ app }: Draft, name: string, attributes: Attributes): void {
  if (app === undefined) return
  if (name === 'ping') app.ping = true
  if (name === 'updatecheck') app.updatecheck = true
  if (name !== 'event') return
  if (app.events.length === maxEvents)
    throw new PlatteError('too-large', `the request is too large: more than ${maxEvents} events of one app`)
  app.events.push({
    eventtype: value(attributes, 'eventtype'),
    eventresult: value(attributes, 'eventresult'),
    errorcode: value(attributes, 'errorcode'),
    previousversion: value(attributes, 'previousversion'),
  })
}

const value = (attributes: Attributes, name: string): string => attributes.get(name) ?? ''
