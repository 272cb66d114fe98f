/**
 * The other half of each pair, over saxes and independent of our scanner: reads requests and responses, writes requests.
 */
import fc from 'fast-check'
import { SaxesParser } from 'saxes'
import type {
  OmahaAppRequest,
  OmahaAppResponse,
  OmahaEvent,
  OmahaOffer,
  OmahaRequest,
} from '../../src/checks/omaha/omaha.ts'
import { omahaErrorName } from '../../src/checks/omaha/omaha.ts'

interface Node {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Node[]
}

/** Reads a whole document; throws at the first thing that saxes complains of. */
export function readTree(text: string): Node {
  const parser = new SaxesParser({ xmlns: false, position: false })
  const document: Node = { name: '', attributes: {}, children: [] }
  const stack = [document]
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', (tag) => {
    const node = { name: tag.name, attributes: { ...tag.attributes }, children: [] }
    stack.at(-1)?.children.push(node)
    stack.push(node)
  })
  parser.on('closetag', () => {
    stack.pop()
  })
  parser.write(text).close()
  return only(document, '*')
}

function only(node: Node, name: string): Node {
  const found = node.children.filter((child) => name === '*' || child.name === name)
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} of ${name} in <${node.name}>`)
  return found[0]
}

const all = (node: Node, name: string): Node[] => node.children.filter((child) => child.name === name)

/** What `parseOmahaRequest` reads of a request that needs no repair. */
export function parseWithSaxes(text: string): OmahaRequest {
  const root = readTree(text)
  const { protocol = '', installsource = '' } = root.attributes
  if (root.name !== 'request' || !/^3[.][0-9]{1,3}$/.test(protocol)) throw new Error('not a request of 3.x')
  const os = all(root, 'os')[0]?.attributes ?? {}
  return {
    protocol,
    installSource: installsource,
    apps: all(root, 'app').map((app) => appFrom(app, os, root.attributes.version)),
  }
}

function appFrom(app: Node, os: Readonly<Record<string, string>>, engine: string | undefined): OmahaAppRequest {
  const get = (name: string): string => app.attributes[name] ?? ''
  const events = all(app, 'event')
  const good = events.filter(isGoodEvent)
  const isSyncer = engine === 'CoreOSUpdateEngine-0.1.0.0' && events.length + all(app, 'ping').length === 0
  const request = {
    appId: get('appid'),
    version: get('version'),
    track: get('track').replace(/^[\0- "']+|[\0- "']+$/g, ''),
    board: get('board') || (isSyncer && os.arch === 'arm' ? 'arm64-usr' : boardFrom(os.arch ?? '', os.sp ?? '')),
    machineId: get('machineid'),
    oem: get('oem'),
    oemVersion: get('oemversion'),
    bootId: get('bootid'),
    machineAlias: get('machinealias'),
    ping: all(app, 'ping').length > 0,
    updateCheck: all(app, 'updatecheck').length > 0,
    events: good.map(eventFrom),
    ...(isSyncer ? { syncer: get('multi_manifest_ok') === 'true' ? ('many' as const) : ('one' as const) } : {}),
    ...limitsFrom(all(app, 'updatecheck')[0]?.attributes),
  }
  const hasProblem = good.length < events.length || request.appId.trim() === ''
  return hasProblem ? { ...request, problem: 'some' } : request
}

function limitsFrom(attributes: Readonly<Record<string, string>> = {}): Pick<OmahaAppRequest, 'limits'> {
  const { targetversionprefix: prefix, updatedisabled = '', rollback_allowed: rollback = '' } = attributes
  const takesNoUpdate = ['true', '1'].includes(updatedisabled.toLowerCase())
  const takesNoRollback = ['false', '0'].includes(rollback.toLowerCase())
  if (!prefix && !takesNoUpdate && !takesNoRollback) return {}
  return {
    limits: {
      ...(prefix ? { versionPrefix: prefix } : {}),
      ...(takesNoUpdate ? { takesNoUpdate } : {}),
      ...(takesNoRollback ? { takesNoRollback } : {}),
    },
  }
}

function boardFrom(arch: string, sp: string): string {
  const byArch = /^(?:x86_64|amd64|x64)$/.test(arch) ? 'amd64-usr' : /^(?:aarch64|arm64)$/.test(arch) ? 'arm64-usr' : ''
  if (arch !== '') return byArch
  return /_(?:x86_64|amd64|x64)$/.test(sp) ? 'amd64-usr' : /_(?:aarch64|arm64)$/.test(sp) ? 'arm64-usr' : ''
}

function isGoodEvent({ attributes }: Node): boolean {
  const isNumber = (text: string | undefined): boolean => /^[0-9]{1,9}$/.test(text ?? '')
  const code = attributes.errorcode ?? ''
  return isNumber(attributes.eventtype) && isNumber(attributes.eventresult) && /^$|^-?[0-9]{1,10}$/.test(code)
}

function eventFrom({ attributes }: Node): OmahaEvent {
  const { eventtype, eventresult, errorcode = '', previousversion } = attributes
  const base = Number(((BigInt(errorcode) % 268435456n) + 268435456n) % 268435456n)
  return {
    type: Number(eventtype),
    result: Number(eventresult),
    ...(errorcode === '' ? {} : { errorCode: { base, name: omahaErrorName(base) } }),
    ...(previousversion === undefined ? {} : { previousVersion: previousversion.replace(/^0\.0\.0\.0$/, '') }),
  }
}

/** The words of problems are ours alone; that there is one is not. */
export const withoutWords = (request: OmahaRequest): OmahaRequest => ({
  ...request,
  apps: request.apps.map((app) => (app.problem === undefined ? app : { ...app, problem: 'some' })),
})

const escaped = (text: string): string => text.replace(/[&<>"\t\r\n]/g, (character) => `&#${character.charCodeAt(0)};`)

const tag = (name: string, attributes: Readonly<Record<string, string>>, children = ''): string => {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`)
  return `<${name}${written.join('')}>${children}</${name}>`
}

/** Writes a request that reads back to the same values. */
export function renderRequest({ protocol, installSource, apps }: OmahaRequest): string {
  return tag('request', { protocol, installsource: installSource }, apps.map(renderApp).join(''))
}

function renderApp(app: OmahaAppRequest): string {
  const { appId: appid, version, track, board, oem, oemVersion: oemversion } = app
  const { machineId: machineid, bootId: bootid, machineAlias: machinealias } = app
  const children = `${app.ping ? '<ping/>' : ''}${app.updateCheck ? '<updatecheck/>' : ''}${app.events.map(renderEvent).join('')}`
  const attributes = { appid, version, track, board, oem, oemversion, machineid, bootid, machinealias }
  return tag('app', attributes, children)
}

const renderEvent = ({ type, result, errorCode, previousVersion }: OmahaEvent): string =>
  tag('event', {
    eventtype: `${type}`,
    eventresult: `${result}`,
    errorcode: `${errorCode?.base ?? ''}`,
    ...(previousVersion !== undefined && { previousversion: previousVersion }),
  })

const hexFromBase64 = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString('hex')

/** What a client reads of a response. */
export function readResponse(text: string): { readonly apps: readonly OmahaAppResponse[] } {
  const root = readTree(text)
  return { apps: all(root, 'app').map(appResponseFrom) }
}

function appResponseFrom(app: Node): OmahaAppResponse {
  const check = all(app, 'updatecheck')[0]
  const { appid = '', status } = app.attributes
  return {
    appId: appid,
    status: status === 'ok' ? 'ok' : 'error-unknownApplication',
    ping: all(app, 'ping').length === 1,
    ...(check !== undefined && {
      updateCheck:
        check.attributes.status === 'noupdate'
          ? { reason: check.attributes._no_update_reason ?? '' }
          : offerFrom(check),
    }),
    events: all(app, 'event').length,
  }
}

function offerFrom(check: Node): OmahaOffer {
  const manifest = only(check, 'manifest')
  const [codebase = '', ...mirrors] = only(check, 'urls').children.map(({ attributes }) => attributes.codebase ?? '')
  const [first, ...others] = only(manifest, 'packages').children.map(packageFrom)
  if (first === undefined) throw new Error('no package')
  if (hexFromBase64(only(only(manifest, 'actions'), 'action').attributes.sha256) !== first.sha256)
    throw new Error('the action is not that of the first package')
  return {
    version: manifest.attributes.version ?? '',
    codebases: [codebase, ...mirrors],
    packages: [first, ...others],
  }
}

const packageFrom = ({ attributes }: Node) => ({
  name: attributes.name ?? '',
  size: Number(attributes.size),
  sha256: attributes.hash_sha256 ?? '',
  sha1: hexFromBase64(attributes.hash),
  required: attributes.required === 'true',
})

/** Any text that XML can carry. */
export const xmlText: fc.Arbitrary<string> = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 12 }))
  .map((text) => text.replace(/[^\t\n\r -\ufffd]/g, ''))
