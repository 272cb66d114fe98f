/** An issuer of identity tokens: real RSA keys, its published keys over HTTP, and whatever a bad one does. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import type { Policy } from '../../src/publish-api/policy-document.ts'
import { app } from '../world.ts'

export const audience = 'https://updates.example.org'

/** What GitHub says of a job that was started by a tag, shortened. */
export const gitHubClaims = {
  repository: 'octocat/os',
  repository_id: '456789',
  repository_owner_id: '123456',
  ref: 'refs/tags/v2',
  sha: '0123456789abcdef0123456789abcdef01234567',
  run_id: '77',
  event_name: 'push',
  environment: 'release',
  job_workflow_ref: 'octocat/os/.github/workflows/release.yml@refs/tags/v2',
} as const

export interface TestIssuer {
  readonly url: string
  readonly jwks: string
  /** How often its keys were asked for. */
  readonly request: () => number
  /** How it answers from now on; without it, as it should. */
  answer(how?: (response: ServerResponse) => void): void
  /** New keys, published instead of the old ones. */
  rotate(): Promise<void>
  /** A token of now. @param more `undefined` takes a claim away. */
  token(more?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>
  readonly publicJwk: () => JWK
  close(): void
}

interface Pair {
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

async function newPair(kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  return { privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } }
}

let ids = 0

/** @param clock what its tokens say of the time, in milliseconds. */
export async function startIssuer(clock: () => number = Date.now): Promise<TestIssuer> {
  let pair = await newPair('1')
  let request = 0
  const properly = (response: ServerResponse): void => void response.end(JSON.stringify({ keys: [pair.publicJwk] }))
  let how = properly
  const server = createServer((_, response) => {
    request++
    how(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    jwks: `${url}/jwks`,
    request: () => request,
    answer: (next = properly) => {
      how = next
    },
    rotate: async () => {
      pair = await newPair(String(Number(pair.publicJwk.kid) + 1))
    },
    token(more = {}, header = {}) {
      const iat = Math.floor(clock() / 1000)
      const claims = { iss: url, aud: audience, iat, exp: iat + 300, jti: `t${ids++}`, ...gitHubClaims, ...more }
      const said = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)) as JWTPayload
      return new SignJWT(said)
        .setProtectedHeader({ alg: 'RS256', kid: pair.publicJwk.kid ?? '', typ: 'JWT', ...header })
        .sign(pair.privateKey)
    },
    publicJwk: () => pair.publicJwk,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** A policy that lets that job publish to channels of the app whose names begin with `st`. */
export const policyFor = ({ url, jwks }: Pick<TestIssuer, 'url' | 'jwks'>, more: object = {}): Policy => ({
  audience,
  issuers: { [url]: { jwks, algs: ['RS256'] } },
  rules: [
    {
      id: 'os-stable',
      issuer: url,
      allow: [`${app}/st*`],
      actions: ['publish', 'promote', 'ramp', 'hold', 'unhold', 'withdraw', 'channel-create', 'channel-rename'],
      claims: {
        repository_id: '456789',
        environment: 'release',
        event_name: { in: ['push', 'workflow_dispatch'] },
        job_workflow_ref: { prefix: 'octocat/os/.github/workflows/release.yml@refs/tags/v' },
      },
      provenance: true,
      ...more,
    },
  ],
})
