/** Whose tokens are believed, and what they may do: a table of what is forged, stolen, stale or from elsewhere. */

import { SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { type Action, type ChannelCommand, readCommand } from '../../src/channels/commands.ts'
import { type Authorising, authorise, type Intent, verifyToken } from '../../src/publish-api/authorise.ts'
import type { Matcher } from '../../src/publish-api/policy.ts'
import type { Policy } from '../../src/publish-api/policy-document.ts'
import { type Answer, answerCommand, onceFor } from '../../src/publish-api/publish-function.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { describeChannel } from '../changes.ts'
import { app, ask, bytesOf, newReader, newStore, publishOne, refusal, storedCatalog } from '../world.ts'
import { audience, gitHubClaims, policyFor, startIssuer } from './issuer.ts'

// jose reads the machine's clock to tell how old keys are.
vi.useFakeTimers({ toFake: ['Date'] })
const time = {
  get now() {
    return Date.now()
  },
  set now(at: number) {
    vi.setSystemTime(at)
  },
}
time.now = Date.parse('2026-11-25T12:00:00Z')
const issuer = await startIssuer(() => time.now)
const stranger = await startIssuer(() => time.now)
afterAll(() => {
  vi.useRealTimers()
  issuer.close()
  stranger.close()
})

const intent: Intent = { action: 'publish', app, channels: ['stable'] }
let authorising: Authorising
beforeEach(() => {
  authorising = {
    policy: policyFor(issuer),
    remembered: new Map(),
    transport: nodeTransport(),
    clock: () => time.now,
  }
  issuer.answer()
})

/** Verifies a token, and asks the policy. */
async function permit(text: string, wanted: Intent) {
  const token = await verifyToken(authorising, text)
  return { token, ...authorise(authorising.policy, token, wanted) }
}

const seconds = () => Math.floor(time.now / 1000)

test('a valid token with a matching rule', async () => {
  const token = await issuer.token({ jti: 'one' })
  const allowed = await permit(token, intent)
  expect(allowed).toMatchObject({ rule: 'os-stable', isRecorded: true, token: { issuedAtMs: seconds() * 1000 } })
  expect(allowed.origin).toEqual({
    issuer: issuer.url,
    repository: 'octocat/os',
    ref: 'refs/tags/v2',
    commit: gitHubClaims.sha,
    run: '77',
    workflow: gitHubClaims.job_workflow_ref,
  })
})

test('a token without jti is identified by its signed part', async () => {
  const [one, other] = [await issuer.token({ jti: undefined }), await issuer.token({ jti: undefined, run_id: '78' })]
  const idOf = async (token: string) => (await permit(token, intent)).token.id
  expect(await idOf(one)).toBe(await idOf(one))
  expect(await idOf(one)).not.toBe(await idOf(other))
})

describe('an invalid token', () => {
  const forged: readonly (readonly [string, () => Promise<string> | string, RegExp])[] = [
    ['is nothing', () => 'x', /^unauthorized: .*no JSON Web Token/],
    ['has no end', () => `e30.${'A'.repeat(20_000)}.x`, /^unauthorized: .*more than 16384 characters/],
    ['is not signed (alg none)', () => new UnsecuredJWT({ iss: issuer.url, aud: audience }).encode(), /^unauthorized/],
    [
      'is signed with the public key as a secret (HS256)',
      () =>
        new SignJWT({ iss: issuer.url, aud: audience, jti: 'x', iat: seconds(), exp: seconds() + 60 })
          .setProtectedHeader({ alg: 'HS256', kid: '1' })
          .sign(new TextEncoder().encode(JSON.stringify(issuer.publicJwk()))),
      /^unauthorized: .*(algorithm|cannot be verified)/,
    ],
    [
      'is signed by another issuer that says it is this one',
      () => stranger.token({ iss: issuer.url }),
      /bad signature/,
    ],
    ['is of an issuer that the policy does not name', () => stranger.token(), /which the policy does not name/],
    ['is of an issuer called constructor', () => stranger.token({ iss: 'constructor' }), /does not name/],
    ['is for another audience', () => issuer.token({ aud: 'https://elsewhere.example' }), /claim aud/],
    [
      'is for a list of audiences',
      () => issuer.token({ aud: [audience, 'https://elsewhere.example'] }),
      /not the one text/,
    ],
    ['is for a list of ours alone', () => issuer.token({ aud: [audience] }), /not the one text/],
    ['has expired', () => issuer.token({ iat: seconds() - 400, exp: seconds() - 100 }), /too old/],
    [
      'is older than ten minutes, but good for a day',
      () => issuer.token({ iat: seconds() - 700, exp: seconds() + 86_400 }),
      /too old/,
    ],
    ['is of the future', () => issuer.token({ iat: seconds() + 300, exp: seconds() + 600 }), /claim iat/],
    ['begins later', () => issuer.token({ nbf: seconds() + 300 }), /claim nbf/],
    ['never expires', () => issuer.token({ exp: undefined }), /lacks claim exp/],
    ['does not say when it was issued', () => issuer.token({ iat: undefined }), /lacks claim iat/],
    ['has a number for an id', () => issuer.token({ jti: 7 }), /jti/],
    ['names a key that is not published', () => issuer.token({}, { kid: 'other' }), /does not publish/],
  ]
  test.each(forged)('%s', async (_, make, words) => {
    const { request } = stranger
    const before = request()
    const problem = await refusal(permit(await make(), intent))
    expect(problem).toMatch(words)
    expect(problem).toMatch(/^unauthorized: /)
    expect(request()).toBe(before)
  })

  test('with its last byte changed', async () => {
    const token = await issuer.token()
    const changed = `${token.slice(0, -10)}${token.at(-10) === 'A' ? 'B' : 'A'}${token.slice(-9)}`
    expect(await refusal(permit(changed, intent))).toMatch(/bad signature/)
  })
})

describe('a valid token that is refused', () => {
  const refused: readonly (readonly [string, Record<string, unknown>, Partial<Intent>, RegExp])[] = [
    [
      'another repository of the same name',
      { repository_id: '999' },
      {},
      /rule os-stable: claim repository_id is "999", not "456789"/,
    ],
    ['no repository id', { repository_id: undefined }, {}, /claim repository_id is missing/],
    [
      'another workflow',
      { job_workflow_ref: 'octocat/os/.github/workflows/evil.yml@refs/tags/v2' },
      {},
      /job_workflow_ref/,
    ],
    [
      'a branch instead of a tag',
      { job_workflow_ref: 'octocat/os/.github/workflows/release.yml@refs/heads/v' },
      {},
      /a text that begins with/,
    ],
    ['no environment', { environment: undefined }, {}, /claim environment is missing/],
    ['an environment of another case', { environment: 'Release' }, {}, /claim environment is "Release"/],
    ['a claim that is an object', { environment: { toString: 'release' } }, {}, /claim environment is missing/],
    ['an event that is not in the list', { event_name: 'schedule' }, {}, /not one of "push", "workflow_dispatch"/],
    ['pull_request_target', { event_name: 'pull_request_target' }, {}, /not merged/],
    ['a pull request', { event_name: 'pull_request' }, {}, /not merged/],
    ['a review of a pull request', { event_name: 'pull_request_review' }, {}, /not merged/],
    ['a pull request on GitLab', { pipeline_source: 'external_pull_request_event' }, {}, /not merged/],
    [
      'the ref of a pull request',
      { ref: 'refs/pull/7/merge' },
      {},
      /^refused: .*ref is refs\/pull\/7\/merge: .*not merged/,
    ],
    ['the ref of a merge request', { ref_path: 'refs/merge-requests/7/head' }, {}, /not merged/],
    ['a merge train', { ref_path: 'refs/merge-requests/7/train' }, {}, /not merged/],
    ['a merge queue', { ref: 'refs/heads/gh-readonly-queue/main/pr-7-ab' }, {}, /not merged/],
    [
      'a branch of a fork on Buildkite',
      { build_branch: 'somebody:main' },
      {},
      /build_branch is somebody:main: .*not merged/,
    ],
    ['a pull request on Buildkite', { build_branch: 'pull/7/head' }, {}, /not merged/],
    ['a merge queue on Buildkite', { build_branch: 'gh-readonly-queue/main/pr-7-ab' }, {}, /not merged/],
    [
      'a workflow of a pull request',
      { workflow_ref: 'octocat/os/.github/workflows/x.yml@refs/pull/7/merge' },
      {},
      /not merged/,
    ],
    ['a source of a pull request', { head_ref: 'feature' }, {}, /head_ref is feature: .*not merged/],
    ['a target of a merge request', { target_ref: 'main' }, {}, /not merged/],
    [
      'a ref that hides what it says',
      { ref: 'refs/heads/\u202enib' },
      {},
      /claim ref has characters that hide .*\\u202enib/,
    ],
    ['a line feed in a ref', { ref: 'refs/heads/a\nb' }, {}, /claim ref has characters that hide/],
    ['a merge request of GitLab', { pipeline_source: 'merge_request_event' }, {}, /not merged/],
    ['another action', {}, { action: 'prune' }, /allows publish, .*, not prune/],
    ['another channel', {}, { channels: ['alpha'] }, /not .*\/alpha/],
    ['another app', {}, { app: 'other' }, /not other\/stable/],
    ['one of two channels', {}, { channels: ['stable', 'alpha'] }, /not .*\/alpha/],
  ]
  test.each(refused)('%s', async (_, claims, more, words) => {
    const problem = await refusal(permit(await issuer.token(claims), { ...intent, ...more }))
    expect(problem).toMatch(words)
    expect(problem).toMatch(/^refused: /)
  })
})

describe('events', () => {
  const events = (event_name: Matcher | undefined) => {
    const { event_name: _, ...claims } = policyFor(issuer).rules[0]?.claims ?? {}
    return {
      ...authorising.policy.rules[0],
      claims: { ...claims, ...(event_name && { event_name }) },
    } as Policy['rules'][number]
  }
  test.each<readonly [string, Matcher | undefined, Record<string, unknown>, RegExp]>([
    ...['push', 'workflow_dispatch', 'schedule', 'release'].map(
      (event_name) => [event_name, undefined, { event_name }, /^accepted$/] as const,
    ),
    ...['merge_group', 'issue_comment', 'workflow_run', 'repository_dispatch', 'Push', ''].map(
      (event_name) => [`unnamed: ${event_name}`, undefined, { event_name }, /it must be named/] as const,
    ),
    ['named', 'repository_dispatch', { event_name: 'repository_dispatch' }, /^accepted$/],
    ['named in a list', { in: ['push', 'workflow_run'] }, { event_name: 'workflow_run' }, /^accepted$/],
    ['a prefix names none', { prefix: 'workflow_' }, { event_name: 'workflow_run' }, /it must be named/],
    ['a pull request is never allowed', 'pull_request', { event_name: 'pull_request' }, /not merged/],
    ['no event', undefined, { event_name: undefined }, /claim event_name is missing/],
    ['an event that is no text', undefined, { event_name: ['push'] }, /claim event_name is missing/],
    ['of a child pipeline', undefined, { pipeline_source: 'parent_pipeline' }, /it must be named/],
    ['of an API', undefined, { pipeline_source: 'api' }, /it must be named/],
  ])('%s', async (_, named, claims, words) => {
    authorising = { ...authorising, policy: { ...authorising.policy, rules: [events(named)] } }
    expect(await refusal(permit(await issuer.token(claims), intent))).toMatch(words)
  })
})

describe('requests with aliases', () => {
  const order = (action: 'channel-create' | 'channel-edit', aliases: readonly string[]) =>
    readCommand(action, { app, channel: 'stable', aliases }) as ChannelCommand

  test.each(['channel-create', 'channel-edit'] as const)('need permission in the policy: %s', async (action) => {
    const store = await newStore()
    await publishOne(store, '2')
    const { publisher } = store
    const policy = policyFor(issuer, { actions: ['channel-create', 'channel-edit'] })
    const send = async (aliases: readonly string[]) => {
      const command = order(action, aliases)
      const token = await verifyToken(authorising, await issuer.token())
      return refusal(
        answerCommand({ publisher, policy }, { command, isPlan: false, bytes: bytesOf(aliases.join()), token }),
      )
    }
    time.now = store.time.now
    expect(await send(['steady', 'prod'])).toMatch(/^refused: .*not .*\/prod/)
    expect(await ask(newReader(store), { channel: 'prod' })).toBe('unknown-channel')
    expect(await send(['steady'])).toBe('accepted')
    expect(await ask(newReader(store), { channel: 'steady' })).toBe('update 2')
  })

  /** A channel with two aliases, of which the policy names one. */
  const named = async () => {
    const store = await newStore()
    await publishOne(store, '2')
    await describeChannel(store.publisher, { app, channel: 'stable' }, { aliases: ['steady', 'prod'] })
    time.now = store.time.now
    const send = async (action: Action, fields: object, publisher = store.publisher) => {
      const command = readCommand(action, { app, channel: 'stable', ...fields }) as ChannelCommand
      const actions = ['channel-create', 'channel-edit', 'channel-delete']
      const token = await verifyToken(authorising, await issuer.token())
      const request = { command, isPlan: false, bytes: bytesOf(JSON.stringify(fields)), token }
      return refusal(answerCommand({ publisher, policy: policyFor(issuer, { actions }) }, request))
    }
    return { store, send }
  }

  test.each<readonly [Action, object, RegExp]>([
    ['channel-edit', { aliases: null }, /^refused: .*not .*\/prod/],
    ['channel-edit', { aliases: [] }, /^refused: .*not .*\/prod/],
    ['channel-edit', { aliases: ['steady'] }, /^refused: .*not .*\/prod/],
    ['channel-create', { aliases: null }, /^refused: .*not .*\/prod/],
    ['channel-delete', { force: true }, /^refused: .*not .*\/prod/],
    ['channel-edit', { description: 'x' }, /^accepted$/],
  ])('names taken away count as changed: %s %j', async (action, fields, words) => {
    const { store, send } = await named()
    expect(await send(action, fields)).toMatch(words)
    expect(await ask(newReader(store), { channel: 'prod' })).toBe('update 2')
  })

  test('a name that comes meanwhile is not taken away', async () => {
    const { store, send } = await named()
    const { publisher } = store
    await describeChannel(publisher, { app, channel: 'stable' }, { aliases: ['steady'] })
    let isFirst = true
    const create: typeof publisher.documents.create = async (key, bytes) => {
      if (isFirst && key.includes('/stable/')) {
        isFirst = false
        await describeChannel(publisher, { app, channel: 'stable' }, { aliases: ['steady', 'prod'] })
      }
      return publisher.documents.create(key, bytes)
    }
    const raced = { ...publisher, documents: { ...publisher.documents, create } }
    expect(await send('channel-delete', { force: true }, raced)).toMatch(
      /^conflict: stable got the name prod meanwhile/,
    )
    expect(await ask(newReader(store), { channel: 'prod' })).toBe('update 2')
  })
})

describe('the log of the catalog', () => {
  /** Holds by a pipeline under a rule that records its origin or not, on a function that somebody started. */
  const heldBy = async (provenance: boolean, message?: string) => {
    const store = await newStore({ format: 2 })
    await publishOne(store, '2')
    time.now = store.time.now
    const publisher = { ...store.publisher, operator: 'Ada' }
    const fields = { app, channel: 'stable', version: '2', reason: 'boot loop', ...(message && { message }) }
    const command = readCommand('hold', fields) as ChannelCommand
    const token = await verifyToken(authorising, await issuer.token())
    const request = { command, isPlan: false, bytes: bytesOf('x'), token }
    const policy = policyFor(issuer, { provenance })
    await answerCommand({ publisher, policy }, request)
    await answerCommand({ publisher, policy }, request)
    return (await storedCatalog(store)).log as readonly { readonly by?: object; readonly message?: string }[]
  }

  test('names the rule, and the pipeline where the rule records it; once for a repeated request', async () => {
    const [recorded, ...again] = await heldBy(true, 'found in canary')
    expect(recorded).toMatchObject({ message: 'found in canary', reason: 'boot loop' })
    expect(recorded?.by).toMatchObject({ rule: 'os-stable', issuer: issuer.url, repository: 'octocat/os', run: '77' })
    expect(again).toEqual([])
    expect((await heldBy(false)).map(({ by }) => by)).toEqual([{ rule: 'os-stable' }])
  })

  test('the operator of the settings is not who calls a function', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    time.now = store.time.now
    const publisher = { ...store.publisher, operator: 'Ada' }
    const fields = { app, channel: 'stable', version: '2', reason: 'boot loop' }
    const command = readCommand('withdraw', fields) as ChannelCommand
    const token = await verifyToken(authorising, await issuer.token())
    const request = { command, isPlan: false, bytes: bytesOf('x'), token }
    await answerCommand({ publisher, policy: policyFor(issuer, { provenance: false }) }, request)
    const head = await loadHead(publisher, await loadForWriting(publisher), { app, channel: 'stable' })
    expect(head?.manifest.releases[0]?.withdrawn).toBeDefined()
    expect(head?.manifest).not.toHaveProperty('provenance')
  })
})

test('an answer too large for its record is computed again when the request is repeated', async () => {
  const { publisher } = await newStore()
  const token = { id: 'ab'.repeat(32), issuedAtMs: publisher.clock() }
  const dates: number[] = []
  const changes = Array.from({ length: 1000 }, (_, i) => ({ what: `package ${i}`, before: '', after: 'x'.repeat(64) }))
  const work = async (datedAt: number): Promise<Answer> => {
    dates.push(datedAt)
    return { kind: 'changed', seq: 1, inForce: true, changes }
  }
  for (let i = 0; i < 2; i++)
    expect(await onceFor(publisher, token, { request: 'c'.repeat(64), work })).toMatchObject({ changes })
  expect(dates).toEqual([token.issuedAtMs, token.issuedAtMs])
})

describe('the keys of an issuer', () => {
  const ask = async () => permit(await issuer.token(), intent)

  test('are fetched once in ten minutes', async () => {
    const before = issuer.request()
    for (let i = 0; i < 5; i++) await ask()
    expect(issuer.request() - before).toBe(1)
    time.now += 11 * 60_000
    await ask()
    expect(issuer.request() - before).toBe(2)
  })

  test('are fetched again for an unknown key id, but not for every token with one', async () => {
    await ask()
    const before = issuer.request()
    time.now += 31_000
    await issuer.rotate()
    await ask()
    expect(issuer.request() - before).toBe(1)
    for (let i = 0; i < 20; i++) await refusal(permit(await issuer.token({}, { kid: `no${i}` }), intent))
    expect(issuer.request() - before).toBe(1)
  })

  test.each<readonly [string, object]>([
    ['is too short', { n: 'x'.repeat(86) }],
    ['has no modulus', { n: undefined }],
    ['is no base64', { n: '!', e: '!' }],
    ['is even', { e: 'AA' }],
  ])('one that %s is a refusal', async (_, broken) => {
    const keys = [{ ...issuer.publicJwk(), ...broken }]
    issuer.answer((response) => void response.end(JSON.stringify({ keys })))
    expect(await refusal(ask())).toMatch(
      /^unauthorized: the identity token (is signed with a key of .* that cannot be used|cannot be verified|has a bad signature)/,
    )
  })

  const bad: readonly (readonly [string, (response: import('node:http').ServerResponse) => void, RegExp])[] = [
    ['a failure', (response) => void response.writeHead(503).end(), /it answers 503/],
    [
      'an end in the middle',
      (response) => response.writeHead(200, { 'content-length': 9e5 }).write('{', () => response.destroy()),
      /cannot be read: aborted/,
    ],
    ['a redirect', (response) => void response.writeHead(302, { location: stranger.jwks }).end(), /it answers 302/],
    ['no JSON', (response) => void response.end('<html>'), /not a JWK Set/],
    ['no keys', (response) => void response.end('{"keys":7}'), /not a JWK Set/],
    ['without an end', (response) => void response.end('x'.repeat(300 * 1024)), /larger than 262144 bytes/],
    ['nothing', () => {}, /cannot be read/],
  ]
  test.each(bad)(
    '%s: the last good keys are used for a day; without any, the problem is reported',
    async (_, how, words) => {
      await ask()
      issuer.answer(how)
      const asked = stranger.request()
      time.now += 11 * 60_000
      await expect(ask()).resolves.toMatchObject({ rule: 'os-stable' })
      time.now += 25 * 60 * 60_000
      expect(await refusal(ask())).toMatch(words)
      expect(await refusal(ask())).toMatch(/^issuer-unavailable: /)
      expect(stranger.request()).toBe(asked)
    },
  )
})
