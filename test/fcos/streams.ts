/** A stand-in for the builds server of Fedora CoreOS: the files of `stable`, as the contract has them, at their paths. */
import { serve, type TestServer } from '../upstream/server.ts'
import { now } from '../world.ts'

export const sum = (digit: number): string => `${digit}`.repeat(64)
export const imageOf = (digit: number): string => `quay.io/fedora/fedora-coreos@sha256:${sum(digit)}`
export const versions = {
  end: '31.20200505.3.0',
  barrier: '31.20200517.3.0',
  unmarked: '43.20260501.3.0',
  good: '44.20260621.3.1',
  next: '44.20260707.3.1',
} as const

/** In seconds: an hour after the tests. */
export const start = Math.floor(now / 1000) + 3600
export const rollout = { duration_minutes: 2880, start_epoch: start, start_percentage: 0 }
const issue = (number: number): string => `https://github.com/coreos/fedora-coreos-tracker/issues/${number}`
const release = (version: string, metadata: object) => ({ version, metadata })
const modified = { 'last-modified': '2026-07-21T14:07:12Z' }

export const updates = {
  ...{ stream: 'stable', metadata: modified },
  releases: [
    release(versions.end, { deadend: { reason: issue(1441) } }),
    release(versions.barrier, { barrier: { reason: issue(480) } }),
    release(versions.good, { rollout: { start_percentage: 1 } }),
    release(versions.next, { rollout }),
  ],
}

const indexed = (version: string, digit: number, hasImage: boolean) => ({
  version,
  metadata: `https://builds.example.org/prod/streams/stable/builds/${version}/release.json`,
  commits: [
    { architecture: 'aarch64', checksum: sum(digit) },
    { architecture: 'x86_64', checksum: `${sum(digit).slice(1)}a` },
  ],
  ...(hasImage && {
    'oci-images': ['aarch64', 'x86_64'].map((architecture) => ({
      ...{ architecture, image: `quay.io/fedora/fedora-coreos:${version}` },
      'digest-ref': imageOf(digit),
    })),
  }),
})

export const index = {
  ...{ note: 'For use only by Fedora CoreOS internal tooling.', stream: 'stable', metadata: modified },
  releases: Object.values(versions).map((version, i) => indexed(version, i + 1, i > 2)),
}

export interface Builds extends TestServer {
  readonly place: string
  /** What is answered in place of a file, by its path: a text, JSON, or `redirect` or `status` in an object. */
  readonly otherwise: Map<string, string | object>
  readonly asked: string[]
}

export const [updatesPath, indexPath] = ['/updates/stable.json', '/prod/streams/stable/releases.json']

export async function startBuilds(): Promise<Builds> {
  const otherwise: Builds['otherwise'] = new Map()
  const asked: string[] = []
  const files = new Map<string, object>([
    [updatesPath, updates],
    [indexPath, index],
  ])
  const server = await serve((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const body = otherwise.get(path) ?? files.get(path)
    if (typeof body === 'object' && 'redirect' in body) response.writeHead(302, { location: `${body.redirect}` })
    else if (typeof body === 'object' && 'status' in body) response.writeHead(Number(body.status))
    else if (body === undefined) response.writeHead(404)
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  return { ...server, place: `fcos:${server.url.replace(/\/$/, '')}${updatesPath}`, otherwise, asked }
}
