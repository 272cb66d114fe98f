/** One update check at an Omaha server, as a syncer that copies releases or as a machine. */

import { escapeAttribute } from '../../checks/omaha/xml-text.ts'
import { textDigest } from '../../kernel/digest.ts'
import { askText, refusalOf } from '../../url-files/ask.ts'
import type { Upstream, Wanted } from '../offer.ts'
import { maxAnswerBytes, type OmahaAnswer, parseAnswer } from './answer.ts'

const key = 'the update check'

/** Below every release. */
export const nothing = '0.0.0'

export interface Asker extends Pick<Wanted, 'app' | 'channel' | 'board'> {
  /** `syncer`: takes several manifests, and floors. */
  readonly role: 'syncer' | 'machine'
  /** The version that it says it runs. */
  readonly version: string
}

/** @throws PlatteError('store-unavailable') without an answer; 'forbidden'; as `parseAnswer`. */
export async function askOmaha({ from, transport }: Pick<Upstream, 'from' | 'transport'>, asker: Asker) {
  const headers = { 'content-type': 'text/xml', accept: '*/*' }
  const question = { method: 'POST', url: from.url, key, body: requestOf(asker), headers, from, transport } as const
  const answer = await askText(question, { name: 'the answer', maxBytes: maxAnswerBytes })
  if (answer.status !== 200) throw refusalOf(answer, key, 'check the path of the upstream, such as /v1/update/')
  return parseAnswer(answer.text, asker.app) satisfies OmahaAnswer
}

/** As Nebraska's syncer calls architectures, and as `uname -m` does. */
const architectures: Readonly<Record<string, readonly [arch: string, machine: string]>> = {
  'amd64-usr': ['x64', 'x86_64'],
  'arm64-usr': ['arm', 'aarch64'],
}

/**
 * The same question comes from the same machine each time, so a server that keeps a row for each machine keeps one for
 * each version that is asked for.
 * @see nebraska syncer.go, flatcar/update_engine omaha_request_action.cc
 */
function requestOf({ app, channel, board, role, version }: Asker): string {
  const isSyncer = role === 'syncer'
  const id = textDigest(`${role} ${app} ${channel} ${board} ${version}`).slice(0, 32)
  const [arch, machine] = architectures[board] ?? ['', '']
  const engine = isSyncer ? 'CoreOSUpdateEngine-0.1.0.0' : 'update_engine-0.4.10'
  const attributes = { appid: `{${app}}`, version, track: channel, bootid: `{${uuid(id)}}`, machineid: id, board }
  const more = isSyncer ? { multi_manifest_ok: 'true' } : { oem: '', lang: 'en-US', delta_okay: 'false' }
  const os = {
    version: 'Chateau',
    platform: 'CoreOS',
    sp: machine && `${version}_${machine}`,
    ...(isSyncer && { arch }),
  }
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    element('request', {
      protocol: '3.0',
      version: engine,
      updaterversion: engine,
      installsource: 'scheduler',
      ismachine: '1',
    }),
    `${element('os', os)}</os>`,
    element('app', { ...attributes, ...more }),
    isSyncer ? '' : '<ping active="1"></ping>',
    '<updatecheck></updatecheck></app></request>',
  ].join('')
}

const uuid = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

const element = (name: string, attributes: Readonly<Record<string, string>>): string =>
  `<${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeAttribute(value)}"`)
    .join('')}>`
