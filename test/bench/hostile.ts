/** What the worst requests cost, as a multiple of an ordinary check that takes the strict reader. */

import { parseOmahaRequest, parseStrict, renderOmahaResponse } from '../../src/checks/omaha/xml.ts'
import { scanXml } from '../../src/checks/omaha/xml-scanner.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { microsPerTurn, type Work } from './loops.ts'
import { atMost, type Row } from './row.ts'
import { app, loaded, offer, release, request, requests, runningVersion } from './world.ts'

const mostTimes = 30
const bodyBytes = 65_000

const filled = (part: string, bytes = bodyBytes): string => part.repeat(Math.floor(bytes / part.length))
const attributes = (count: number): string => Array.from({ length: count }, (_, i) => ` a${i}=""`).join('')
const entities = Array.from({ length: 9 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(10)}">`).join('')

/** Bodies that a server may be sent; and what the scanner would do with more than the body limit lets in. */
const hostile: readonly (readonly [string, Work])[] = [
  ['malformed', () => refused(parseOmahaRequest, request.replace('</app>', '</ap>'))],
  ['DTD', () => refused(parseOmahaRequest, `<!DOCTYPE request SYSTEM "http://127.0.0.1/x">${request}`)],
  [
    'entity bomb',
    () => refused(parseOmahaRequest, `<!DOCTYPE r [<!ENTITY e0 "x">${entities}]><request>&e9;</request>`),
  ],
  ['64 KiB of nesting', bodyOf(filled('<a>'))],
  ['64 KiB of attributes', bodyOf(`<request${attributes(7000)}/>`)],
  ['64 KiB of siblings', bodyOf(`<request protocol="3.0">${filled('<a/>')}</request>`)],
  ['64 KiB of references', bodyOf(`<request protocol="3.0" a="${filled('&lt;')}"/>`)],
  ['64 KiB of quotes', bodyOf(`<request a="${filled('"')}/>`)],
  ['64 KiB of blanks', bodyOf(filled(' '))],
  ['64 KiB that end early', bodyOf(`<request protocol="3.0">${filled('x')}`)],
  ['scanner: 200,000 levels', scannerOf('<a>'.repeat(200_000))],
  ['scanner: 50,000 attributes', scannerOf(`<a${attributes(50_000)}/>`)],
]

export const hostileRow: Row = {
  name: 'hostile',
  run: async ({ seconds }) => {
    const share = seconds / 20
    const ordinary = microsPerTurn(await ordinaryCheck(), 2 * share).value
    const results = hostile.map(([name, work]) => {
      const { value } = microsPerTurn(work, share)
      const ratio = value / ordinary
      return {
        name: `hostile: ${name}`,
        value,
        unit: 'µs',
        ratio,
        against: 'a strict check',
        goal: atMost(ratio, mostTimes),
      }
    })
    return [{ name: 'hostile: a strict check', value: ordinary, unit: 'µs' }, ...results]
  },
}

async function ordinaryCheck(): Promise<Work> {
  const answering = await loaded(new Map([['beta', [release('4593.2.0')]]]))
  const bodies = requests(() => 'beta')
  return (turn) => {
    const [asked] = parseStrict(bodies(turn)).apps
    checkForUpdate(answering, { app, channel: asked?.track ?? '', version: runningVersion, board: asked?.board ?? '' })
    return Buffer.byteLength(
      renderOmahaResponse({
        apps: [{ appId: asked?.appId ?? '', status: 'ok', ping: true, events: 1, updateCheck: offer }],
      }),
    )
  }
}

function bodyOf(body: string): Work {
  return () => refused(parseOmahaRequest, body)
}

function scannerOf(text: string): Work {
  return () => refused((it) => scanXml(it, () => {}), text)
}

function refused(read: (text: string) => unknown, text: string): unknown {
  try {
    return read(text)
  } catch (error) {
    if (error instanceof PlatteError) return error.code
    throw error
  }
}
