/**
 * gupdate 2.0: how Chromium checks extensions that come by policy. A GET with one `x` for each extension, answered in XML.
 * @see https://developer.chrome.com/docs/extensions/how-to/distribute/host-on-linux
 */
import { daysAt, lastCount, type OmahaClient } from '../checks/omaha/client.ts'
import type { OmahaAppRequest, OmahaAppResponse, OmahaRequest } from '../checks/omaha/omaha.ts'
import { escapeAttribute } from '../checks/omaha/xml-text.ts'
import { urlPathOf } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { systemRandom } from '../kernel/random.ts'
import { placeClient, platformBoard } from './client.ts'

const maxApps = 256

/** @param search the query of the URL. `channel` of the URL that a policy names counts for all of its extensions. */
export function parseGupdate(search: string): OmahaRequest {
  const query = new URLSearchParams(search)
  const text = (name: string): string => query.get(name) ?? ''
  const apps = query.getAll('x')
  if (apps.length > maxApps) throw new PlatteError('too-large', `the request is too large: more than ${maxApps} apps`)
  const shared = {
    board: platformBoard([text('os')], [text('os_arch'), text('arch')]),
    channel: text('channel'),
    browser: text('prodversion'),
  }
  return { protocol: '2.0', installSource: '', apps: apps.map((one) => appOf(new URLSearchParams(one), shared)) }
}

interface Shared {
  readonly board: string
  readonly channel: string
  readonly browser: string
}

function appOf(app: URLSearchParams, { board, channel: hint, browser }: Shared): OmahaAppRequest {
  const text = (name: string): string => app.get(name) ?? ''
  const appId = text('id')
  const ping = new URLSearchParams(text('ping'))
  const { channel, rampId } = placeClient([hint], { id: '', cohort: undefined }, systemRandom)
  const client: OmahaClient = {
    installSource: text('installsource'),
    rampId,
    browser,
    operations: '',
    held: [],
    data: [],
  }
  return {
    ...{ appId, version: text('v'), track: channel, board, machineId: '', oem: text('brand') },
    ...{ oemVersion: '', bootId: '', machineAlias: '', ping: app.has('ping'), updateCheck: app.has('uc'), events: [] },
    client: {
      ...client,
      ...defined({
        lastSeen: lastCount(ping.get('rd'), ping.get('r')),
        lastActive: lastCount(ping.get('ad'), ping.get('a')),
      }),
    },
    ...(appId === '' && { problem: 'id is empty' }),
  }
}

/** @param apps one for each app of the request, in its order. */
export function renderGupdate(_: OmahaRequest, apps: readonly OmahaAppResponse[], now: Instant): string {
  const daystart = `<daystart elapsed_days="${daysAt(now)}"/>`
  return `<?xml version="1.0" encoding="UTF-8"?>
<gupdate xmlns="http://www.google.com/update2/response" protocol="2.0" server="platte">${daystart}${apps.map(renderApp).join('')}</gupdate>`
}

function renderApp({ appId, status: found, updateCheck }: OmahaAppResponse): string {
  const status = appId === '' ? 'error-unknownApplication' : found
  const check = status === 'ok' && updateCheck !== undefined ? renderUpdateCheck(updateCheck) : ''
  return `<app appid="${escapeAttribute(appId)}" status="${status}">${check}</app>`
}

function renderUpdateCheck(check: NonNullable<OmahaAppResponse['updateCheck']>): string {
  if ('reason' in check) return `<updatecheck status="noupdate" info="${escapeAttribute(check.reason)}"/>`
  const { version, codebases, packages, install } = 'step' in check ? check.step : check
  const [{ name, size, sha256 }] = packages
  const url = escapeAttribute(codebases[0] + urlPathOf(name))
  const least = install?.minBrowser ? ` prodversionmin="${escapeAttribute(install.minBrowser)}"` : ''
  return `<updatecheck status="ok" codebase="${url}" version="${escapeAttribute(version)}"${least} hash_sha256="${sha256}" size="${size}"/>`
}
