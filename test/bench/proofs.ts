/** What a proof costs beside its answer, and what JSON costs beside XML: loops of this process in turn, in CPU time. */
import { type CheckContext, openChecks } from '../../src/checks/answer.ts'
import { parseOmahaRequest, parseStrict, renderOmahaResponse } from '../../src/checks/omaha/xml.ts'
import { answerProven } from '../../src/checks/proof.ts'
import type { FeatureContext } from '../../src/checks/serving.ts'
import { makeCupKey, publicHalf } from '../../src/cup/keys.ts'
import { openCup } from '../../src/cup/open.ts'
import { openDialects } from '../../src/dialects/feature.ts'
import { parseJsonRequest } from '../../src/dialects/json.ts'
import { renderJsonResponse } from '../../src/dialects/json-answer.ts'
import { nodeCup } from '../../src/runtime/cup-node.ts'
import { check4, check31 } from '../dialects/samples.ts'
import { seeded } from '../world.ts'
import { microsInTurn } from './loops.ts'
import { atMost, type Result, type Row } from './row.ts'
import { estimate } from './stats.ts'
import { answeringFrom, app, newStore, offer, releasesOf, requests, serving } from './world.ts'

/** 32 random bytes, as browsers send them. */
const nonce = 'y2vSRUx6W0Zjq1Rv3QJf9m8aVxN0sTgKcHdLpEuBiMo'

/** Each batch against the batch of `than` in the same turn. */
function ratioTo(than: readonly number[], micros: readonly number[]) {
  const { value, low, high } = estimate(micros.map((one, i) => one / (than[i] ?? Number.NaN)))
  return { ratio: value, low, high }
}

export const cupRow: Row = {
  name: 'cup Node',
  run: async ({ seconds }) => {
    const { signature, plain, xml, p256, mlDsa } = microsInTurn(await answers(), seconds)
    const row = (what: string, micros: readonly number[], than?: readonly number[]): Result => ({
      ...{ name: `cup Node ${what}`, value: estimate(micros).value, unit: 'µs' },
      ...(than && { ...ratioTo(than, micros), against: than === xml ? 'canonical XML' : 'a signature' }),
    })
    const over = (micros: readonly number[]) => micros.map((one, i) => one - (plain[i] ?? Number.NaN))
    const proof = row('P-256, beyond a plain answer', over(p256), signature)
    return [
      row('P-256 signature alone', signature),
      row('plain answer, JSON 4.0', plain, xml),
      { ...proof, goal: atMost(proof.value, 60) },
      row('ML-DSA-44, beyond a plain answer', over(mlDsa), signature),
    ]
  },
}

/** By the core of a server, without sockets; the root lists keys of both kinds. */
async function answers() {
  const keys = await Promise.all(['16', 'ML-DSA-44-16'].map(makeCupKey))
  const cup = await Promise.all(keys.map(publicHalf))
  const answering = answeringFrom(await newStore(releasesOf('update'), { format: 2, cup }))
  const source = { text: JSON.stringify({ keys }) }
  const extension = await openCup(source, answering as unknown as FeatureContext, nodeCup)
  const core = openChecks({ ...serving(answering), extensions: [openDialects(seeded(1)), extension] })
  const context: CheckContext = {
    ...{ background: (work: Promise<void>) => void work, path: '/v1/update/', agent: () => undefined },
    ids: { requestId: 'bench', traceparent: undefined },
  }
  const body = Buffer.from(JSON.stringify(check4({ appid: app, ap: 'beta', iid: `{${app}}` })))
  const machine = Buffer.from(requests(() => 'beta')(0))
  const url = (key: string) => `/v1/update/?cup2key=${key}:${nonce}&cup2hreq=${'0'.repeat(64)}`
  const works = {
    plain: () => core.answer(body.toString(), context),
    xml: () => core.answer(machine.toString(), context),
    p256: () => answerProven(core, body, url('16'), context),
    mlDsa: () => answerProven(core, body, url('ML-DSA-44-16'), context),
  }
  for (const work of Object.values(works)) await work()
  const [key] = keys
  if (key?.kty !== 'EC') throw new Error('the first key is not of P-256')
  const sign = await nodeCup.openP256(key)
  return { ...works, signature: () => sign(body.subarray(0, 32)) }
}

const shared = { appId: `{${app}}`, status: 'ok', ping: true, events: 0 } as const
/** Half of the clients get an update. */
const answered = [[{ ...shared, updateCheck: { reason: 'up-to-date' } }], [{ ...shared, updateCheck: offer }]] as const
const answerTo = (turn: number) => answered[turn % 2 === 0 ? 0 : 1]

export const jsonRow: Row = {
  name: 'json',
  run: async ({ seconds }) => {
    const xml = requests(() => 'beta')
    const written = (turn: number) => flat(renderOmahaResponse({ apps: answerTo(turn) }))
    const works = {
      canonical: (turn: number) => [parseOmahaRequest(xml(turn)), written(turn)],
      'json 4.0, parse and render': jsonWork(check4),
      'json 3.1, parse and render': jsonWork(check31),
      'json: strict XML, parse and render': (turn: number) => [parseStrict(xml(turn)), written(turn)],
    }
    const { canonical, ...others } = microsInTurn(works, seconds)
    return Object.entries(others).map(([name, micros]): Result => {
      const compared = ratioTo(canonical, micros)
      const goal = name.includes('XML') ? {} : { goal: atMost(compared.ratio, 2) }
      return { name, value: estimate(micros).value, unit: 'µs', ...compared, against: 'canonical XML', ...goal }
    })
  },
}

function jsonWork(make: (app: object) => object): (turn: number) => unknown {
  const random = seeded(1)
  const bodies = Array.from({ length: 5000 }, (_, i) => JSON.stringify(make({ iid: `{${i}-${app}}` })))
  return (turn) => {
    const request = parseJsonRequest(bodies[turn % bodies.length] ?? '', random)
    return flat(renderJsonResponse(request, answerTo(turn), 0))
  }
}

/** A string is put together only when its bytes are wanted. */
const flat = (text: string): number => Buffer.byteLength(text)
