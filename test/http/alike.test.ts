/** Machines that are alike: what is kept of one changes nothing in what the others get, and in what is logged of them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { type CheckContext, openChecks } from '../../src/checks/answer.ts'
import type { FleetEvent } from '../../src/checks/events.ts'
import { parseAlike } from '../../src/checks/omaha/alike.ts'
import { parseCanonical, parseOmahaRequest } from '../../src/checks/omaha/xml.ts'
import type { Extension } from '../../src/checks/serving.ts'
import { logLine, membersText } from '../../src/kernel/json-log.ts'
import { servingWith } from '../../src/runtime/compose.ts'
import { bodyOf, updateEngineRequests } from '../protocol/samples.ts'
import { newStore, publishOne } from '../world.ts'

const withAlias = bodyOf('updatecheck-scheduled-steady-state')
const noAlias = (body: string) => body.replace('machinealias="web-1"', 'machinealias=""')
const check = noAlias(withAlias)
const samples = [...updateEngineRequests.map((name) => noAlias(bodyOf(name))), withAlias]

const withoutAlike = ({ alike: _, ...request }: ReturnType<typeof parseAlike>) => request
const outcome = (read: () => object) => {
  try {
    return read()
  } catch (error) {
    return String(error)
  }
}

/** Values that could pass for the end of one attribute and the start of another. */
const odd = fc.constantFrom(
  ...['', 'x', '{e9-A}', 'a b', 'x bootid=', ' machineid=', 'a\\b', '&amp;', '&', 'é', "'", '>', '<', '"', '\n', '\t'],
  ...['a'.repeat(64), 'a'.repeat(65), '0123456789abcdef0123456789abcdef', 'x" bootid="y', 'x" machineid="y'],
)
const names = ['bootid', 'machineid', 'machinealias', 'oem', 'oemversion', 'track', 'version', 'lang', 'appid']
const refilled = fc
  .tuple(fc.constantFrom(...samples), fc.array(fc.tuple(fc.constantFrom(...names), odd), { maxLength: 5 }))
  .map(([text, values]) =>
    values.reduce(
      (made, [name, value]) => made.replace(new RegExp(` ${name}="[^"]*"`), () => ` ${name}="${value}"`),
      text,
    ),
  )

test('a request is read as without the others', () => {
  let alike = 0
  const property = fc.property(refilled, fc.nat(800), fc.constantFrom('', '"', ' bootid="', '<'), (text, at, piece) => {
    const torn = piece === '' ? text : text.slice(0, at) + piece + text.slice(at)
    for (const one of [text, torn, text]) {
      expect(outcome(() => withoutAlike(parseAlike(one)))).toStrictEqual(outcome(() => parseOmahaRequest(one)))
      if (parseCanonical(one) && parseAlike(one).alike) alike += 1
    }
  })
  fc.assert(property, { numRuns: 1000 })
  expect(alike).toBeGreaterThan(300)
})

test('a flood of texts only makes them be learned anew', () => {
  const read = (version: number) => parseAlike(check.replace(/(?<= version=")[^"]*(?=" track)/, `${version}`))
  const first = read(1)
  expect(read(1).alike).toBe(first.alike)
  for (let version = 2; version < 9000; version++) expect(read(version).apps[0]?.version).toBe(`${version}`)
  expect(read(1).alike).not.toBe(first.alike)
  expect(withoutAlike(read(1))).toStrictEqual(withoutAlike(first))
})

test('a fleet installed from many versions, and texts of one key, are alike again', () => {
  const alephs = Array.from({ length: 200 }, (_, i) => check.replace(/(?<=alephversion=")[^"]*/, `${3033 + i}.2.0`))
  const first = alephs.map((text) => parseAlike(text).alike)
  // What makes these differ is in no key.
  for (let i = 10; i < 90; i++) parseAlike(check.replace('ismachine="1"', `ismachine="${i}"`))
  for (const [i, text] of alephs.entries()) expect(parseAlike(text).alike).toBe(first[i])
})

test('a name of one machine makes no room for itself', () => {
  expect(parseAlike(withAlias)).toStrictEqual(parseOmahaRequest(withAlias))
  expect(parseAlike(withAlias.replace('machinealias="web-1" ', '')).alike).toBeDefined()
})

const store = await newStore()
await publishOne(store, '4081.2.0', { channel: 'beta' })
const sent: { readonly event: FleetEvent; readonly members: string | undefined }[] = []
const { publisher } = store
const serving = (extensions: readonly Extension[] = []) =>
  servingWith(extensions, {} as Parameters<typeof servingWith>[1], {
    ...{ cache: newCatalogCache(), reader: publisher, packages: publisher.packages, newHasher: publisher.newHasher },
    ...{ publicUrl: 'https://updates.example.org', background: () => undefined },
    events: (event, members) => void sent.push({ event, members }),
  })

async function contactOf(core: ReturnType<typeof openChecks>, body: string, traceparent?: string) {
  const ids = { requestId: `id-${sent.length}`, traceparent }
  const context: CheckContext = { background: undefined, path: '/v1/update/', agent: () => undefined, ids }
  const { body: text } = await core.answer(body, context)
  const { event, members } = sent.at(-1) ?? expect.unreachable()
  return { text, event, members, ids }
}

test('a contact in one piece is what its members would be', async () => {
  const core = openChecks(serving())
  const property = fc.asyncProperty(refilled, async (body) => {
    const { event, members } = await contactOf(core, body)
    if (members !== undefined) expect(`{${members}}`).toBe(JSON.stringify(event))
    expect(logLine(0, event, members)).toBe(logLine(0, event))
  })
  await fc.assert(property, { numRuns: 1000 })
  expect(sent.filter(({ members }) => members !== undefined).length).toBeGreaterThan(200)
})

test('each machine has its own ids, and what is decided for it', async () => {
  let reason = 'held'
  const review: Extension['review'] = (_, decision) =>
    decision.kind === 'update' ? decision : { kind: 'no-update', reason: 'held', because: reason }
  const core = openChecks({ ...serving(), review })
  const first = await contactOf(core, check)
  const other = await contactOf(core, check.replace(/machineid="[^"]*"/, 'machineid="other"'))
  expect([first, other].map(({ event, ids }) => [event.machine, event.requestId === ids.requestId])).toEqual([
    ['0123456789abcdef0123456789abcdef', true],
    ['other', true],
  ])
  reason = 'the disk "wears" out\u202e\u009b'
  const later = await contactOf(core, check)
  expect(later.event.because).toBe(reason)
  expect(later.members).toBe(membersText(later.event))
  expect(later.members).toContain('out\\u202e\\u009b')
  const traced = await contactOf(core, check, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`)
  expect([traced.event.traceparent, traced.members]).toEqual([traced.ids.traceparent, undefined])
})

test('what rewrites contacts is obeyed by every line', async () => {
  const rewrite: Extension['rewrite'] = (event) => ({ ...event, machine: 'secret' })
  const core = openChecks(serving([{ name: 'disguise', rewrite }]))
  for (const { event, members } of [await contactOf(core, check), await contactOf(core, check)])
    expect([event.machine, members]).toEqual(['secret', undefined])
})
