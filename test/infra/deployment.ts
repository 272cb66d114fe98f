/** `platte serve` with a policy over a folder, an issuer of tokens, and GitHub's token service before it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { startIssuer } from '../publish/issuer.ts'
import { app } from '../world.ts'

const main = inject('cli')
const bearer = 'the job alone knows this'

export interface Deployment {
  readonly folder: string
  readonly url: string
  /** Of the first root. */
  readonly pin: string
  /** What GitHub gives to a job with `id-token: write`. */
  readonly env: Readonly<Record<string, string>>
  /** What tokens of GitHub claim from now on, beside the usual. */
  claim(more: Readonly<Record<string, unknown>>): void
  /** A token as a job of GitLab has it. */
  gitLabToken(aud: string, more?: Readonly<Record<string, unknown>>): Promise<string>
  /** What an old machine of a channel is told. */
  told(channel: string): Promise<string>
  /** Adds a release key, and demands two signatures. @returns the variables of a pipeline that has it. */
  demandTwo(): Readonly<Record<string, string>>
  /** Another store, with the same two channels. @returns the variables of whoever publishes there. */
  newStore(): Readonly<Record<string, string>>
  stop(): Promise<void>
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A port that was free just now: tokens are for a URL, which the policy names before the server listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  return port
}

const noGitHub = Object.fromEntries(
  ['repository', 'repository_id', 'repository_owner_id', 'run_id', 'event_name', 'job_workflow_ref'].map((name) => [
    name,
    undefined,
  ]),
)
const gitLab = {
  ...{ project_path: 'acme/os', project_id: '53804090', ref: 'v2', ref_protected: 'true', pipeline_source: 'push' },
  ...{ pipeline_id: '9', environment: 'release', ci_config_ref_uri: 'gitlab.com/acme/os//.gitlab-ci.yml@refs/tags/v2' },
}

const policyOf = (audience: string, issuer: { readonly url: string; readonly jwks: string }) => ({
  ...{ v: 1, audience, issuers: { [issuer.url]: { jwks: issuer.jwks, algs: ['RS256'] } } },
  rules: [
    {
      ...{ id: 'os', issuer: issuer.url, allow: [`${app}/beta`, `${app}/stable`] },
      actions: ['publish', 'promote', 'ramp', 'hold', 'unhold', 'apply'],
      claims: { repository_id: '456789', environment: 'release' },
      provenance: true,
    },
    {
      ...{ id: 'os-gitlab', issuer: issuer.url, allow: [`${app}/beta`], actions: ['publish', 'apply'] },
      claims: { project_id: '53804090', ref_protected: 'true', environment: 'release' },
    },
  ],
})

export async function startDeployment(): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), 'platte-ci-'))
  const issuer = await startIssuer()
  let claims: Readonly<Record<string, unknown>> = {}
  const tokens = createServer(async ({ url = '', headers }, response) => {
    const aud = new URL(url, 'http://127.0.0.1').searchParams.get('audience')
    response.statusCode = headers.authorization === `Bearer ${bearer}` && aud ? 200 : 401
    response.end(response.statusCode === 200 ? JSON.stringify({ value: await issuer.token({ aud, ...claims }) }) : '{}')
  })
  const tokenPort = await listen(tokens)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { server, platte, pin } = await serve(folder, { port, policy: policyOf(url, issuer) })
  return {
    folder,
    url,
    pin,
    env: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${tokenPort}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer,
    },
    claim: (more) => {
      claims = more
    },
    gitLabToken: (aud, more = {}) => issuer.token({ ...noGitHub, ...gitLab, aud, ...more }),
    told: async (channel) => {
      const body = `<request protocol="3.0"><app appid="{${app}}" version="1.0.0" track="${channel}" board="amd64-usr"><updatecheck/></app></request>`
      return (await fetch(`${url}/v1/update/`, { method: 'POST', body })).text()
    },
    demandTwo: () => {
      let pin = ''
      const nextRoot = (...words: string[]): void => {
        platte('root', 'edit', '--out=root.json', ...words)
        platte('root', 'sign', 'root.json', '--key=keys/root.jwk')
        pin = /PLATTE_ROOT=(\S+)/.exec(platte('root', 'publish', 'root.jws'))?.[1] ?? ''
        for (const name of ['root.json', 'root.jws']) rmSync(join(folder, name))
      }
      const key = join(folder, 'keys/release-b.jwk')
      platte('keygen', key)
      nextRoot('--role=release', `--add-key=${key}`)
      platte('root', 'reissue')
      nextRoot('--threshold=release=2')
      const jwk = readFileSync(key, 'utf8')
      rmSync(key)
      return { PLATTE_ROOT: pin, PLATTE_RELEASE_KEY: 'env://RELEASE_JWK', RELEASE_JWK: jwk }
    },
    newStore: () => makeStore(join(folder, 'other')).env,
    async stop() {
      server.kill('SIGKILL')
      tokens.closeAllConnections()
      tokens.close()
      issuer.close()
      rmSync(folder, { recursive: true })
    },
  }
}

interface Serving {
  readonly port: number
  readonly policy: object
}

interface Served {
  readonly pin: string
  readonly server: ChildProcess
  /** A command over the store, with its keys. */
  readonly platte: (...words: string[]) => string
}

/** A store with two empty channels. */
function makeStore(folder: string): Pick<Served, 'platte'> & { readonly env: Readonly<Record<string, string>> } {
  mkdirSync(folder, { recursive: true })
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    PLATTE_STORE: `file:${join(folder, 'store')}`,
    PLATTE_KEYS: join(folder, 'keys'),
    PLATTE_APP: app,
  }
  const platte = (...words: string[]): string =>
    execFileSync(process.execPath, [main, ...words], { cwd: folder, env, encoding: 'utf8' })
  env.PLATTE_ROOT = /PLATTE_ROOT=(\S+)/.exec(platte('init'))?.[1] ?? ''
  for (const channel of ['beta', 'stable']) platte('channel', 'create', channel)
  return { platte, env }
}

/** The same, served. */
async function serve(folder: string, { port, policy }: Serving): Promise<Served> {
  const { platte, env } = makeStore(folder)
  writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy))
  const server = spawn(process.execPath, [main, 'serve', `--port=${port}`, '--publish-policy=file:policy.json'], {
    ...{ cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] },
  })
  let talk = ''
  for await (const chunk of server.stderr ?? []) {
    talk += chunk
    if (talk.includes('listening on')) return { server, platte, pin: env.PLATTE_ROOT ?? '' }
  }
  throw new Error(`it did not start: ${talk}`)
}
