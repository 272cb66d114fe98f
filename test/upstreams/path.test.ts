/** The path that an Omaha server leads through, with more floors than it tells at once, and servers that tell less. */
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { compareVersions, parseVersion } from '../../src/release/version.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { openUpstream } from '../../src/upstreams/kinds.ts'
import { serve, type TestServer } from '../upstream/server.ts'
import { refusal } from '../world.ts'

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const versions = ['1.0.0', '2.0.0', '3.0.0', '4.0.0', '5.0.0', '6.0.0', '7.0.0', '8.0.0']
const newest = '9.0.0'

let server: TestServer
afterEach(() => server.close())

interface Manners {
  /** Floors in one answer to a syncer. */
  readonly limit: number
  /** Whether an answer has the newest release beside floors that are not the last ones. */
  readonly hasTarget: boolean
  /** Whether machines are told nothing, as where updates are limited. */
  readonly isLimited?: boolean
  /** Whether a syncer that asks for the first time is offered nothing. */
  readonly forgets?: boolean
}

const manifest = (version: string, marks = ''): string =>
  `<manifest version="${version}"${marks}><packages><package name="update.gz" hash="2jmj7l5rSw0yVb/vlWAYkK/YBwk=" size="${version.charCodeAt(0)}" required="true"/></packages><actions/></manifest>`

const appOf = (inside: string, status = 'ok'): string =>
  `<response protocol="3.0" server="nebraska"><app appid="{${app}}" status="${status}">${inside}</app></response>`

async function path({ limit, hasTarget, isLimited = false, forgets = false }: Manners) {
  const seen = new Set<string>()
  server = await serve(async (request, response) => {
    const body = await text(request)
    const version = / version="([^"]*)" track/.exec(body)?.[1] ?? ''
    const isAbove = (one: string) => compareVersions(parseVersion(one), parseVersion(version)) > 0
    const left = versions.filter(isAbove)
    const url = (one: string) => `<urls><url codebase="${server.url}amd64-usr/${one}/"/></urls>`
    const ok = (codebase: string, manifests: string) =>
      appOf(`<updatecheck status="ok">${url(codebase)}${manifests}</updatecheck>`)
    const isNew = forgets && !seen.has(body)
    seen.add(body)
    const isSyncer = body.includes('multi_manifest_ok')
    const reply = () => {
      if (!isAbove(newest) || (isSyncer && isNew)) return appOf('<updatecheck status="noupdate"><urls/></updatecheck>')
      const [next = newest] = left
      if (!isSyncer && isLimited)
        return appOf('<updatecheck status="error-internal"/>', 'error-maxUpdatesPerPeriodLimitReached')
      if (!isSyncer) return ok(next, manifest(next))
      const told = left.slice(0, limit).map((one) => manifest(one, ` is_floor="true" floor_reason="why ${one}"`))
      const target = hasTarget || left.length <= limit ? [manifest(newest, ' is_target="true"')] : []
      return ok(target.length > 0 ? newest : (left[limit - 1] ?? newest), [...told, ...target].join(''))
    }
    response.end(reply())
  })
  const upstream = openUpstream(`omaha:${server.url}`, { transport: nodeTransport() })
  return upstream.ask({ app, channel: 'stable', board: 'amd64-usr', isKnown: () => false })
}

const all = [...versions, newest]

test.each<[string, Manners]>([
  ['all floors at once', { limit: 100, hasTarget: true }],
  ['five floors and the newest', { limit: 5, hasTarget: true }],
  ['five floors alone', { limit: 5, hasTarget: false }],
  ['one floor alone', { limit: 1, hasTarget: false }],
  ['what a forgetful one tells at the second time', { limit: 5, hasTarget: true, forgets: true }],
  ['floors, while machines are told nothing', { limit: 5, hasTarget: true, isLimited: true }],
])('a server that tells %s', async (_, manners) => {
  const found = await path(manners)
  expect(found.map(({ version }) => version)).toEqual(all)
  expect(found.map(({ floor }) => floor)).toEqual([...versions.map((one) => `why ${one}`), undefined])
  for (const { version, codebases } of found.filter((one) => 'packages' in one))
    expect(codebases?.[0]).toBe(`${server.url}amd64-usr/${version}/`)
})

test('a server that only limits says so', async () => {
  const limited = appOf('<updatecheck status="error-internal"/>', 'error-maxUpdatesPerPeriodLimitReached')
  server = await serve((_, response) => void response.end(limited))
  const upstream = openUpstream(`omaha:${server.url}`, { transport: nodeTransport() })
  const asked = upstream.ask({ app, channel: 'stable', board: 'amd64-usr', isKnown: () => false })
  expect(await refusal(asked)).toMatch(/status: is "error-maxUpdatesPerPeriodLimitReached"/)
})
