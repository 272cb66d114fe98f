/** What code that is installed in a job can see: a package with scripts, and a build, in the steps of both templates. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { app } from '../world.ts'
import { runAction, runBash } from './runner.ts'

const infra = resolve(import.meta.dirname, '../../infra')
const canary = 'canary-that-nobody-may-see'
const secrets = [
  ...['ACTIONS_ID_TOKEN_REQUEST_URL', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'ACTIONS_RUNTIME_TOKEN', 'GITHUB_TOKEN'],
  ...['RELEASE_JWK', 'TIMESTAMP_JWK', 'PLATTE_RELEASE_KEY', 'PLATTE_TIMESTAMP_KEY', 'PLATTE_KEYS', 'PLATTE_ID_TOKEN'],
  ...[
    'CI_JOB_TOKEN',
    'CI_REGISTRY_PASSWORD',
    'CI_JOB_JWT',
    'VAULT_TOKEN',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
  ],
  ...['AWS_SESSION_TOKEN', 'NPM_TOKEN', 'NODE_AUTH_TOKEN', 'SSH_AUTH_SOCK', 'COSIGN_PASSWORD', 'a_secret_of_any_name'],
]
const held = Object.fromEntries(secrets.map((name) => [name, canary]))

let folder = ''
let clone = ''
let work = ''
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Writes down all variables, and those of its ancestors up to this process, and makes a CLI that does nothing. */
const spy = `
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
const seen = [JSON.stringify(process.env)]
for (let pid = process.ppid; pid > 1 && pid !== ${process.pid}; )
  try {
    seen.push(readFileSync(\`/proc/\${pid}/environ\`, 'utf8'))
    pid = Number(readFileSync(\`/proc/\${pid}/stat\`, 'utf8').replace(/^.*\\) . /s, '').split(' ')[0])
  } catch { break }
const [out, what] = process.argv.slice(2)
writeFileSync(\`\${out}/\${what}.seen\`, seen.join('\\n'))
mkdirSync('dist/cli', { recursive: true })
writeFileSync('dist/cli/platte.mjs', 'console.log(JSON.stringify({ kind: "unchanged", seq: 1 }))')
`

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true })
  folder = mkdtempSync(join(tmpdir(), 'platte-build-'))
  ;[clone, work] = [join(folder, 'clone'), join(folder, 'work')]
  for (const name of [clone, join(clone, 'spy'), work]) mkdirSync(name)
  cpSync(infra, join(clone, 'infra'), { recursive: true })
  writeFileSync(join(folder, 'spy.mjs'), spy)
  const run = (what: string) => `node "${join(folder, 'spy.mjs')}" "${folder}" ${what}`
  const write = (name: string, value: object) => writeFileSync(join(clone, name, 'package.json'), JSON.stringify(value))
  const scripts = { preinstall: run('preinstall'), install: run('install'), postinstall: run('postinstall') }
  write('spy', { name: 'spy', version: '1.0.0', scripts })
  write('.', { name: 'a', version: '1.0.0', scripts: { 'build:cli': run('build') }, dependencies: { spy: 'file:spy' } })
  execFileSync('npm', ['install', '--package-lock-only', '--offline'], { cwd: clone, stdio: 'ignore' })
})

const seenBy = (what: string): string => {
  const file = join(folder, `${what}.seen`)
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}
const PATH = process.env.PATH ?? ''
const env = {
  ...held,
  PATH,
  HOME: process.env.HOME ?? '',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  npm_config_cache: tmpdir(),
}

/** What npm and the shell set by themselves. */
const theirOwn = /^(npm_|NODE$|INIT_CWD$|PWD$|OLDPWD$|SHLVL$|_$|COLOR$|EDITOR$)/
const allowed = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'HTTPS_PROXY']

function checkBuild(): void {
  const [variables = '{}'] = seenBy('build').split('\n')
  const names = Object.keys(JSON.parse(variables)).filter((name) => !theirOwn.test(name))
  expect(names).toContain('HTTPS_PROXY')
  expect(names.filter((name) => !allowed.includes(name))).toEqual([])
  expect(variables).not.toContain(canary)
  for (const what of ['preinstall', 'install', 'postinstall']) expect(seenBy(what)).toBe('')
}

test('a package with scripts sees what npm is run with', async () => {
  expect(await runBash(['-c', 'npm ci --offline'], { cwd: clone, env })).toMatchObject({ status: 0 })
  expect(seenBy('postinstall')).toContain(canary)
})

test('the action: nothing that is installed sees a secret, also not in another process of the step', async () => {
  const action = join(clone, 'infra/github')
  const ran = await runAction({ action, work, path: PATH, env }, { app, channel: 'beta', version: '1' })
  expect([ran.status, ran.log]).toEqual([0, expect.anything()])
  checkBuild()
  expect(seenBy('build')).not.toContain(canary)
})

test('the template: nothing that is installed sees a secret', async () => {
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.org', ...words], {
      cwd: clone,
      stdio: 'ignore',
    })
  git('init')
  git('add', '.')
  git('commit', '-m', 'a copy')
  const jobs = parse(readFileSync(join(clone, 'infra/gitlab/platte.yml'), 'utf8'))
  const lines = ['set -eo pipefail', ...jobs['.platte-cli'].before_script, 'platte'].join('\n')
  const job = { ...env, PLATTE_REPOSITORY: clone, PLATTE_COMMIT: 'HEAD', CI_PROJECT_DIR: work }
  const ran = await runBash(['-c', lines], { cwd: work, env: job })
  expect([ran.status, ran.stderr]).toEqual([0, expect.anything()])
  checkBuild()
})
