/**
 * The steps of action.yml, as a runner of GitHub runs them, and the job of platte.yml, as one of GitLab does: against a
 * real server with a policy, with tokens that are signed and asked for as there. `npm ci` links what is installed here.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { payloadOfSize } from '../payloads.ts'
import { app } from '../world.ts'
import { type Deployment, startDeployment } from './deployment.ts'
import { actionSteps, type Job, runAction, runBash } from './runner.ts'

const repository = resolve(import.meta.dirname, '../..')
const read = (name: string): string => readFileSync(join(repository, 'infra', name), 'utf8')
const golden = join(import.meta.dirname, 'github-summary.md')

let there: Deployment
let job: Job
beforeAll(async () => {
  there = await startDeployment()
  const clone = join(there.folder, 'clone')
  for (const name of ['infra', 'src', 'package.json', 'package-lock.json', 'tsconfig.json'])
    cpSync(join(repository, name), join(clone, name), { recursive: true })
  const work = join(there.folder, 'work')
  mkdirSync(join(work, 'out'), { recursive: true })
  writeFileSync(join(work, 'out/flatcar_production_update.gz'), payloadOfSize(100_004))
  writeFileSync(join(work, 'out/oem-azure.gz'), 'an extra package')
  writeFileSync(join(work, 'out/components.json'), '{"kernel":"6.12.102"}')
  writeFileSync(join(work, 'out/notes.md'), '# 4152.2.0\n')
  job = {
    action: join(clone, 'infra/github'),
    work,
    path: `${stubs(there.folder)}:${process.env.PATH}`,
    env: there.env,
  }
})
afterAll(() => there.stop())

/** Node as setup-node leaves it, and an npm whose `ci` links what is there, and tells of tokens that it could see. */
function stubs(folder: string): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()
  const script = `#!/bin/sh
if env | grep -q -e TOKEN -e JWK -e PLATTE -e GITHUB; then echo "npm sees an identity" >&2; exit 1; fi
echo "npm $*" >> "${folder}/npm.log"
[ "$1" = ci ] || exec "${npm}" "$@"
ln -s "${repository}/node_modules" node_modules
`
  writeFileSync(join(bin, 'npm'), script, { mode: 0o755 })
  writeFileSync(join(bin, 'node'), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 })
  return bin
}

const place = () => ({ app, endpoint: there.url, version: '4152.2.0' })
const publish = () => ({
  ...place(),
  channel: 'beta',
  board: 'amd64-usr',
  payload: 'out/flatcar_production_update.gz',
  'extra-files': 'out/oem-azure.gz\n',
  components: 'out/components.json',
  notes: 'out/notes.md',
})
const summaries: string[] = []
/** Runs the action, and keeps its summary with what differs from run to run taken out. */
async function run(inputs: Readonly<Record<string, string>>) {
  const ran = await runAction(job, inputs)
  const told = ran.summary.replaceAll(there.url, 'https://updates.example.org')
  summaries.push(told.replace(/\b[0-9a-f]{64}\b/g, 'DIGEST'))
  return ran
}

describe('action.yml', () => {
  test('no script contains an input', () => {
    const scripts = actionSteps(job).map(({ run }) => run ?? '')
    expect(scripts.filter((script) => script !== '')).toHaveLength(2)
    for (const script of scripts) expect(script).not.toContain('${{')
  })

  test('publishes, and outputs the result', async () => {
    const { status, outputs, log } = await run(publish())
    expect([status, log]).toEqual([0, expect.stringContaining('"kind":"published"')])
    expect(outputs).toEqual({
      sequence: '2',
      'manifest-url': `${there.url}/apps/${app}/beta/0000000002.jws`,
      'manifest-sha256': expect.stringMatching(/^[0-9a-f]{64}$/),
      changed: 'true',
    })
    const manifest = new Uint8Array(await (await fetch(outputs['manifest-url'] ?? '')).arrayBuffer())
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', manifest))
    expect(Buffer.from(digest).toString('hex')).toBe(outputs['manifest-sha256'])
    expect(await there.told('beta')).toContain('<manifest version="4152.2.0">')
  })

  test('without an endpoint publishes into the given store', async () => {
    const { PATH: _, ...env } = there.newStore()
    const inputs = { ...publish(), endpoint: '' }
    const published = await runAction({ ...job, env }, inputs)
    expect([published.status, published.outputs]).toEqual([
      0,
      {
        sequence: '2',
        'manifest-url': '',
        'manifest-sha256': expect.stringMatching(/^[0-9a-f]{64}$/),
        changed: 'true',
      },
    ])
    const again = await runAction({ ...job, env }, inputs)
    expect([again.status, again.outputs.changed]).toEqual([0, 'false'])
    const { PLATTE_KEYS: __, ...keyless } = env
    expect((await runAction({ ...job, env: keyless }, { ...inputs, version: '4153.0.0' })).status).toBe(4)
  })

  test('run again, changes nothing', async () => {
    const { status, outputs } = await run(publish())
    expect([status, outputs.changed, outputs.sequence]).toEqual([0, 'false', '2'])
  })

  test('promotes, with a dry run first', async () => {
    const inputs = { ...place(), command: 'promote', from: 'beta', channel: 'stable', ramp: '48h' }
    expect(await run({ ...inputs, 'dry-run': 'true' })).toMatchObject({
      status: 0,
      outputs: { changed: 'false', 'manifest-url': '', 'manifest-sha256': '' },
    })
    expect(await there.told('stable')).not.toContain('<manifest')
    expect(await run(inputs)).toMatchObject({ status: 0, outputs: { changed: 'true', sequence: '2' } })
  })

  test.each([
    ['25%', 0],
    ['pause', 0],
    ['stop', 0],
    ['resume', 0],
    ['48h', 3],
    ['finish', 0],
  ])('ramps: %s', async (ramp, status) => {
    const version = ['pause', 'stop', 'resume'].includes(ramp) ? '' : place().version
    expect((await run({ ...place(), version, command: 'ramp', channel: 'stable', ramp })).status).toBe(status)
  })

  test('holds with exactly the given reason', async () => {
    expect(await there.told('stable')).toContain('<manifest version="4152.2.0">')
    const reason = '`boot` |loop| <b>*now*</b> $(id)'
    expect((await run({ ...place(), command: 'hold', channel: 'stable', reason })).status).toBe(0)
    expect(await there.told('stable')).toContain('held: `boot` |loop| &lt;b&gt;*now*&lt;/b&gt; $(id)')
    expect((await run({ ...place(), command: 'unhold', channel: 'stable' })).status).toBe(0)
  })

  describe('channels as a file', () => {
    const file = (text: string): void => writeFileSync(join(job.work, 'channels.toml'), text)
    const named = `[apps.${app}.channels.beta]\ndescription = "for the brave"\n`
    const diff = () => ({ command: 'diff', endpoint: there.url, root: there.pin, file: 'channels.toml' })

    /** GitHub's comments of issues, with one of somebody else that looks like the action's. */
    async function comments(status = 200) {
      const stranger = { id: 1, user: { type: 'User' }, body: '<!-- platte diff -->' }
      const all: { id: number; user: { type: string }; body: string }[] = [stranger]
      const calls: string[] = []
      const api = createServer(async (request, response) => {
        const { method = '', url = '', headers } = request
        calls.push(`${method} ${url} ${headers.authorization}`)
        const { body = '' } = method === 'GET' ? {} : JSON.parse(await text(request))
        if (method === 'POST') all.push({ id: all.length + 1, user: { type: 'Bot' }, body })
        const edited = method === 'PATCH' && all.find(({ id }) => url.endsWith(`/comments/${id}`))
        if (edited) edited.body = body
        response.writeHead(status).end(JSON.stringify(all))
      })
      await new Promise<void>((listening) => api.listen(0, '127.0.0.1', listening))
      const event = join(there.folder, 'event.json')
      writeFileSync(event, '{"pull_request":{"number":7}}')
      const { port } = api.address() as AddressInfo
      const env = {
        ...{ ...job.env, GITHUB_API_URL: `http://127.0.0.1:${port}`, GITHUB_REPOSITORY: 'octocat/os' },
        GITHUB_EVENT_PATH: event,
      }
      return { all, calls, env, close: () => api.close() }
    }

    test('a pull request gets one comment, which is kept up to date', async () => {
      const { all, calls, env, close } = await comments()
      file(named)
      const commented = { ...diff(), 'github-token': 'canary-token' }
      const first = await runAction({ ...job, env }, commented)
      expect([first.status, first.outputs.changed]).toEqual([0, 'true'])
      expect(all[1]?.body).toContain('### channels.toml: this would change\n\n    ')
      expect(all[1]?.body).toContain('      + description: for the brave')
      file(`${named}cadence = { every = "28d" }\n`)
      await runAction({ ...job, env }, commented)
      expect(all).toHaveLength(2)
      expect(all[1]?.body).toContain('+ cadence: P28D')
      expect(calls.map((call) => call.split('?')[0])).toContain(
        'PATCH /repos/octocat/os/issues/comments/2 Bearer canary-token',
      )
      expect(all[0]?.body).toBe('<!-- platte diff -->')
      expect(first.log + first.summary).not.toContain('canary')
      close()
    })

    test('a comment that fails, fails no job', async () => {
      const { env, close } = await comments(403)
      const ran = await runAction({ ...job, env }, { ...diff(), 'github-token': 'x' })
      expect([ran.status, ran.log]).toEqual([0, expect.stringContaining('gets no comment: GET 7/comments')])
      close()
    })

    test('applied, it changes what the diff said, and then nothing', async () => {
      file(named)
      const apply = { command: 'apply', endpoint: there.url, file: 'channels.toml' }
      expect(await run({ ...apply, 'dry-run': 'true' })).toMatchObject({ status: 0, outputs: { changed: 'false' } })
      expect(await run(apply)).toMatchObject({ status: 0, outputs: { changed: 'true', sequence: '' } })
      expect(await run(apply)).toMatchObject({ status: 0, outputs: { changed: 'false' } })
      expect(await run(diff())).toMatchObject({ status: 0, outputs: { changed: 'false' } })
    })

    test('a mistake in it fails both, and names its line', async () => {
      file(`${named}cadense = "28d"\n`)
      const line = expect.stringContaining('channels.toml line 3')
      expect(await run(diff())).toMatchObject({ status: 1, log: line, summary: line })
      const { status, log } = await runAction(job, { command: 'apply', endpoint: there.url, file: 'channels.toml' })
      expect([status, log]).toEqual([2, line])
    })

    test('what the policy does not allow is refused', async () => {
      file(`[apps.${app}.channels.edge]\n`)
      expect(await runAction(job, { command: 'apply', endpoint: there.url, file: 'channels.toml' })).toMatchObject({
        status: 3,
        summary: expect.stringContaining('not '),
      })
    })
  })

  test('a refusal by policy exits with 3, and names the rule and the claim', async () => {
    there.claim({ environment: 'staging' })
    const { status, summary, outputs } = await run({ ...publish(), version: '4200.0.0' })
    there.claim({})
    expect([status, outputs]).toEqual([3, {}])
    expect(summary).toContain('rule os: claim environment is "staging", not "release"')
  })

  test.each<readonly [string, Readonly<Record<string, string>>, number, RegExp]>([
    ['a job without the permission', { ACTIONS_ID_TOKEN_REQUEST_URL: '' }, 4, /id-token: write/],
    ['a wrong bearer', { ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' }, 4, /GitHub Actions gave no token: .* answered 401/],
    ['another audience', { PLATTE_AUDIENCE: 'https://elsewhere.example' }, 4, /claim aud/],
  ])('%s', async (_, more, status, words) => {
    const ran = await runAction({ ...job, env: { ...job.env, ...more } }, publish())
    expect([ran.status, ran.summary]).toEqual([status, expect.stringMatching(words)])
  })

  test.each<readonly [string, Readonly<Record<string, string>>, RegExp]>([
    ['an unknown command', { command: 'init' }, /command must be one of publish, promote/],
    ['a command called constructor', { command: 'constructor' }, /command must be one of/],
    ['an input of another command', { reason: 'because' }, /publish takes no reason/],
    ['a dry run that is neither', { 'dry-run': 'yes' }, /dry-run must be true or false/],
    ['a flag in place of a version', { version: '--help' }, /error: .*--help|error: .*version/],
    ['a flag in place of a payload', { payload: '--create' }, /--create/],
    ['a payload that is not there', { payload: 'out/none.gz' }, /out\/none\.gz/],
  ])('%s is refused, and nothing is published', async (_, more, words) => {
    const ran = await runAction(job, { ...publish(), ...more })
    expect(ran.status).not.toBe(0)
    expect(ran.summary).toMatch(words)
    expect(ran.outputs).toEqual({})
  })

  test('platte is built once per job', () => {
    expect(readFileSync(join(there.folder, 'npm.log'), 'utf8')).toBe(
      'npm ci --no-audit --no-fund --ignore-scripts\nnpm run build:cli\n',
    )
  })

  test('its summaries match github-summary.md', () => {
    if (process.env.UPDATE) writeFileSync(golden, summaries.join(''))
    expect(summaries.join('')).toBe(readFileSync(golden, 'utf8'))
  })
})

describe('platte.yml', () => {
  const jobs = parse(read('gitlab/platte.yml'))
  const { id_tokens: tokens } = jobs['.platte']
  const { before_script: before } = jobs['.platte-cli']

  /** Its lines are one script of bash there, which ends with the first that fails. */
  async function runJob(more: Readonly<Record<string, string>>, name = '.platte-publish') {
    const { script, variables } = jobs[name]
    const given = {
      ...{ PLATTE_REPOSITORY: join(there.folder, 'clone'), PLATTE_COMMIT: 'HEAD', PLATTE_ENDPOINT: there.url },
      ...{ PLATTE_APP: app, PLATTE_CHANNEL: 'beta', PLATTE_VERSION: '4230.0.0' },
      PLATTE_PAYLOAD: 'out/flatcar_production_update.gz',
    }
    const aud = tokens.PLATTE_ID_TOKEN.aud.replace('$PLATTE_ENDPOINT', there.url)
    const env = {
      ...{ ...variables, ...given, PATH: job.path, CI_PROJECT_DIR: job.work, HOME: there.folder },
      ...{ PLATTE_ID_TOKEN: await there.gitLabToken(aud), ...more },
    }
    const lines = ['set -eo pipefail', 'rm -rf .platte-source', ...before, ...script].join('\n')
    return runBash(['-c', lines], { cwd: job.work, env })
  }

  beforeAll(() => {
    const git = (...words: string[]) =>
      execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.org', ...words], {
        cwd: join(there.folder, 'clone'),
        stdio: 'ignore',
      })
    writeFileSync(join(there.folder, 'clone/.gitignore'), 'node_modules\ndist\n')
    git('init')
    git('add', '.')
    git('commit', '-m', 'a copy')
  })

  test('its job publishes', async () => {
    const { status, stdout, stderr } = await runJob({
      PLATTE_EXTRA_FILES: 'out/oem-azure.gz',
      PLATTE_FLAGS: '--ramp-over=48h',
    })
    expect([status, stderr]).toEqual([0, expect.anything()])
    expect(JSON.parse(stdout.split('\n').findLast((line) => line.startsWith('{')) ?? '')).toMatchObject({
      ...{ kind: 'published', rule: 'os-gitlab' },
    })
  })

  test('its jobs say what a file changes, in a note, too, and apply it', async () => {
    writeFileSync(join(job.work, 'channels.toml'), `[apps.${app}.channels.beta]\ndescription = "by GitLab"\n`)
    const notes: string[] = []
    const api = createServer(async (request, response) => {
      notes.push(`${request.headers['private-token']} ${request.url} ${await text(request)}`)
      response.end('{}')
    })
    await new Promise<void>((listening) => api.listen(0, '127.0.0.1', listening))
    const merge = { CI_API_V4_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`, CI_PROJECT_ID: '5' }
    const diffing = { ...merge, CI_MERGE_REQUEST_IID: '3', PLATTE_NOTE_TOKEN: 'note', PLATTE_ROOT: there.pin }
    const diff = await runJob({ ...diffing, PLATTE_ID_TOKEN: '' }, '.platte-diff')
    expect([diff.status, diff.stdout]).toEqual([0, expect.stringContaining('-> by GitLab')])
    expect(decodeURIComponent(notes.join().replaceAll('+', ' '))).toMatch(
      /^note \/projects\/5\/merge_requests\/3\/notes body=Platte:\n\n {4}/,
    )
    api.close()
    const applied = await runJob({}, '.platte-apply')
    expect([applied.status, applied.stdout]).toEqual([0, expect.stringContaining('"rule":"os-gitlab"')])
  })

  test('another branch is refused by its claim', async () => {
    const { status, stderr } = await runJob({
      PLATTE_ID_TOKEN: await there.gitLabToken(there.url, { ref_protected: 'false' }),
    })
    expect([status, stderr]).toEqual([3, expect.stringContaining('claim ref_protected is "false", not "true"')])
  })
})

describe('two signatures', () => {
  const edit = { command: 'promote', from: 'beta', channel: 'stable', version: '4230.0.0' }

  test('neither the function nor the pipeline can publish alone', async () => {
    const env = { ...job.env, ...there.demandTwo() }
    const alone = await runAction(job, { ...place(), ...edit })
    expect([alone.status, alone.outputs]).toEqual([4, {}])
    expect(await there.told('stable')).not.toContain('<manifest version="4230.0.0">')
    const together = await runAction({ ...job, env }, { ...place(), ...edit })
    expect([together.status, together.log]).toEqual([0, expect.stringContaining('"kind":"changed"')])
    const envelope = JSON.parse(await (await fetch(together.outputs['manifest-url'] ?? '')).text())
    expect(envelope.signatures).toHaveLength(2)
    expect(await there.told('stable')).toContain('<manifest version="4230.0.0">')
  })
})
