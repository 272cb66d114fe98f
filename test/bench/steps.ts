/** What the parts of a check cost: parse, decide and render, each in µs. */

import { parseOmahaRequest, parseStrict, renderOmahaResponse } from '../../src/checks/omaha/xml.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import { parseJsonRequest } from '../../src/dialects/json.ts'
import { renderJsonResponse } from '../../src/dialects/json-answer.ts'
import { check4 } from '../dialects/samples.ts'
import { seeded } from '../world.ts'
import { microsPerTurn, type Work } from './loops.ts'
import type { Row } from './row.ts'
import { app, loaded, offer, release, requests, runningVersion } from './world.ts'

const shared = { appId: `{${app}}`, status: 'ok', ping: true, events: 1 } as const

export const stepsRow: Row = {
  name: 'steps',
  run: async ({ seconds }) => {
    const bodies = requests(() => 'beta')
    const answering = await loaded(new Map([['beta', [release('4593.2.0'), release(runningVersion)]]]))
    const query = { app, channel: 'beta', version: runningVersion, board: 'amd64-usr' }
    const steps: readonly (readonly [string, Work])[] = [
      ['parse, canonical', (turn) => parseOmahaRequest(bodies(turn))],
      ['parse, strict', (turn) => parseStrict(bodies(turn))],
      ['decide, up to date', () => checkForUpdate(answering, { ...query, version: '4593.2.0' })],
      ['decide, update', () => checkForUpdate(answering, query)],
      [
        'decide, update from an unlisted version',
        (turn) => checkForUpdate(answering, { ...query, version: `4000.0.${turn % 100}` }),
      ],
      [
        'render, no update',
        () => flat(renderOmahaResponse({ apps: [{ ...shared, updateCheck: { reason: 'up-to-date' } }] })),
      ],
      ['render, update', () => flat(renderOmahaResponse({ apps: [{ ...shared, updateCheck: offer }] }))],
      ...jsonSteps(),
    ]
    return steps.map(([name, work]) => {
      const { value, low, high } = microsPerTurn(work, seconds / 10)
      return { name, value, unit: 'µs', low, high }
    })
  },
}

/** The same for a browser: one app, with what an updater says of itself. */
function jsonSteps(): readonly (readonly [string, Work])[] {
  const random = seeded(1)
  const body = JSON.stringify(check4({ iid: `{${app}}` }))
  const asked = parseJsonRequest(body, random)
  const [none, update] = [{ reason: 'up-to-date' }, offer].map((updateCheck) => [{ ...shared, events: 0, updateCheck }])
  return [
    ['parse, JSON', () => parseJsonRequest(body, random)],
    ['render, JSON, no update', () => flat(renderJsonResponse(asked, none ?? [], 0))],
    ['render, JSON, update', () => flat(renderJsonResponse(asked, update ?? [], 0))],
  ]
}

/** A string is put together only when its bytes are wanted. */
const flat = (text: string): number => Buffer.byteLength(text)
