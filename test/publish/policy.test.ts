/** What a policy may say. */
import { expect, test } from 'vitest'
import { publishFeature } from '../../src/publish-api/feature.ts'
import { type Claims, provenanceOf } from '../../src/publish-api/policy.ts'
import { parsePolicy } from '../../src/publish-api/policy-document.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { openDeployment } from '../../src/runtime/serverless.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { memoryDocuments, memoryPackages, memoryUploads } from '../memory.ts'
import { refusal } from '../world.ts'

const issuer = 'https://token.actions.githubusercontent.com'
const rule = {
  id: 'os',
  issuer,
  allow: ['os/stable-*'],
  actions: ['publish'],
  claims: { repository_id: '456789' },
}
const policy = {
  v: 1,
  audience: 'https://updates.example.org',
  issuers: { [issuer]: { jwks: `${issuer}/.well-known/jwks`, algs: ['RS256'] } },
  rules: [rule],
}
const withRule = (more: object) => ({ ...policy, rules: [{ ...rule, ...more }] })
const parse = async (value: unknown) => parsePolicy(typeof value === 'string' ? value : JSON.stringify(value))

test('a valid policy', async () => {
  expect(await parse(policy)).toMatchObject({ audience: policy.audience })
  const good: readonly object[] = [
    { project_id: { in: ['1', '2'] }, ref: { prefix: 'v' }, ref_type: 'tag' },
    { organization_id: 'o', pipeline_id: 'p', build_branch: { prefix: 'release/' }, build_tag: { prefix: 'v' } },
    { repository_id: '1', job_workflow_ref: { prefix: 'octocat/os/.github/workflows/x.yml@refs/tags/v' } },
    { repository_id: '1', job_workflow_ref: { prefix: 'octocat/os/.github/workflows/x.yml@refs/heads/release/' } },
    { repository_id: '1', job_workflow_ref: { prefix: 'octocat/os/.github/workflows/x.yml@' } },
    { repository_id: '1', job_workflow_ref: { in: ['octocat/os/.github/workflows/x.yml@refs/heads/main'] } },
    { repository_id: '1', ref: { prefix: 'refs/tags/v' }, environment: { prefix: 'release/' } },
  ]
  for (const claims of good) expect(await parse(withRule({ claims }))).toBeDefined()
})

test.each<readonly [string, unknown, RegExp]>([
  ['no JSON', '{', /is not JSON/],
  ['another version', { ...policy, v: 2 }, /policy: v/],
  ['a member that is unknown', { ...policy, extra: 1 }, /extra/],
  ['no audience', { ...policy, audience: '' }, /audience/],
  ['an issuer that is not a URL', { ...policy, issuers: { github: policy.issuers[issuer] } }, /https URL/],
  [
    'keys over plain http',
    { ...policy, issuers: { [issuer]: { jwks: 'http://example.org/jwks', algs: ['RS256'] } } },
    /https URL/,
  ],
  ['another algorithm', { ...policy, issuers: { [issuer]: { jwks: issuer, algs: ['HS256'] } } }, /algs/],
  ['a rule without claims', withRule({ claims: {} }), /rule os: claims: must name one of repository_id .*project_id/],
  ...[
    { organization_id: 'o' },
    { organization_id: 'o', pipeline_slug: 'os' },
    { pipeline_id: 'p' },
    { organization_id: 'o', pipeline_id: { prefix: 'p' } },
    { repository_owner_id: '1', environment: 'release' },
    { namespace_id: '1' },
  ].map((claims) => {
    const remedy = /rule os: claims: must name one of .*organization_id with pipeline_id/
    return [`a rule for many: ${JSON.stringify(claims)}`, withRule({ claims }), remedy] as const
  }),
  ...[
    { job_workflow_ref: { prefix: 'octocat/os/.github/workflows/release.yml@refs/heads/main' } },
    { job_workflow_ref: { prefix: 'octocat/os/.github/workflows/release.yml@refs/heads/release/1' } },
    { job_workflow_ref: { prefix: 'octocat/os/.github/workflows/release' } },
    { workflow_ref: { prefix: 'octocat/os/.github/workflows/release.yml@refs/heads/v@' } },
    { ci_config_ref_uri: { prefix: 'gitlab.com/acme/os//.gitlab-ci.yml@refs/heads/main' } },
    { ref: { prefix: 'refs/heads/main' } },
    { ref_path: { prefix: 'refs/heads/m' } },
    { ref: { prefix: 'v' } },
    { ref: { prefix: 'main' }, ref_type: 'branch' },
    { build_branch: { prefix: 'main' } },
    { anything: { prefix: 'refs/heads/main' } },
    { environment: { prefix: 'release' } },
  ].map((claims) => {
    const remedy = /rule os: claims\.\w+: the prefix ".*" ends inside a name, .*: name it exactly, or end with "\/"/
    return [
      `a cut branch: ${JSON.stringify(claims)}`,
      withRule({ claims: { repository_id: '1', ...claims } }),
      remedy,
    ] as const
  }),
  [
    'a rule that only names a name',
    withRule({ claims: { repository: 'octocat/os' } }),
    /must name one of repository_id/,
  ],
  ['an id that is only a beginning', withRule({ claims: { repository_id: { prefix: '4' } } }), /exactly/],
  ['sub', withRule({ claims: { repository_id: '1', sub: 'repo:octocat/os' } }), /other claims than sub/],
  ['a pattern', withRule({ claims: { repository_id: { regex: '.*' } } }), /must be a text/],
  ['an empty text', withRule({ claims: { repository_id: '' } }), /is empty/],
  ['an unknown action', withRule({ actions: ['delete-everything'] }), /actions/],
  ['no action', withRule({ actions: [] }), /actions/],
  ['a channel without its app', withRule({ allow: ['stable'] }), /must be app\/channel/],
  ['a star in the middle', withRule({ allow: ['os/st*le'] }), /must be app\/channel/],
  ['any app', withRule({ allow: ['*/stable'] }), /must be app\/channel/],
  [
    'an issuer that is not named',
    withRule({ issuer: 'https://gitlab.com' }),
    /issuers does not name https:\/\/gitlab.com/,
  ],
  ['two rules of one id', { ...policy, rules: [rule, rule] }, /same id/],
  ['a reserved name', withRule({ claims: JSON.parse('{"repository_id":"1","__proto__":"x"}') }), /reserved/],
])('%s is refused', async (_, value, words) => {
  const problem = await refusal(parse(value))
  expect(problem).toMatch(words)
  expect(problem).toMatch(/^configuration: policy/)
})

test('the setting is the policy itself, or the name of its file', async () => {
  const settings = (text: string) => readSettings({ PLATTE_PUBLISH_POLICY: text }).publishPolicy
  expect(settings(JSON.stringify(policy))).toEqual({ text: JSON.stringify(policy) })
  expect(settings('file:/etc/platte/policy.json')).toEqual({ file: '/etc/platte/policy.json' })
  expect(() => settings('policy.json')).toThrow(/PLATTE_PUBLISH_POLICY.*neither a policy as JSON nor file:PATH/)
  expect(() => settings('{"v":')).toThrow(/PLATTE_PUBLISH_POLICY.*neither a policy as JSON nor file:PATH/)
})

test('a deployment with an invalid policy answers every request with the problem', async () => {
  const env = {
    PLATTE_ROOT: `1:sha256:${'0'.repeat(64)}`,
    PLATTE_PUBLIC_URL: 'https://updates.example.org',
    PLATTE_PUBLISH_POLICY: '{"v":2}',
  }
  const documents = memoryDocuments()
  const { fetch } = await openDeployment(readSettings(env, ['pin', 'publicUrl']), env, {
    ...{
      documents,
      packages: memoryPackages(nodeHasher),
      newHasher: nodeHasher,
      transport: nodeTransport(),
      log: () => {},
    },
    ...{ slice: { most: 1, opens: 1 }, features: [publishFeature], bindings: {}, background: () => () => {} },
    openUploads: async () => memoryUploads({ clock: () => 0 }),
  })
  const response = await fetch(new Request('http://127.0.0.1/v1/publish'))
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ detail: expect.stringMatching(/^PLATTE_PUBLISH_POLICY: policy: v/) })
})

test.each<readonly [string, object, object]>([
  [
    'GitHub',
    { repository: 'octocat/os', ref: 'refs/tags/v2', sha: 'ab', run_id: 77, run_number: '3', workflow: 'release' },
    { repository: 'octocat/os', ref: 'refs/tags/v2', commit: 'ab', run: '77' },
  ],
  [
    'GitLab',
    { project_path: 'acme/os', ref: 'v2', sha: 'ab', pipeline_id: '9', job_id: '10' },
    { repository: 'acme/os', ref: 'v2', commit: 'ab', run: '9' },
  ],
  [
    'Buildkite, whose pipeline_id is not the run',
    { pipeline_slug: 'os', build_branch: 'main', build_commit: 'ab', build_number: 42, pipeline_id: '0184990a' },
    { repository: 'os', ref: 'main', commit: 'ab', run: '42' },
  ],
])('the origin of a change: %s', (_, claims, origin) => {
  expect(provenanceOf(issuer, claims as Claims)).toEqual({ issuer, ...origin })
})
