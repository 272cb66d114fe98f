/** A store with everything that pages show, at one fixed instant. */

import { newCatalogCache } from '../../src/catalog/cache.ts'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { publish } from '../../src/channels/publish.ts'
import type { Serving } from '../../src/checks/serving.ts'
import { coreUpdateLists } from '../../src/coreupdate/feature.ts'
import type { ChannelManifest } from '../../src/documents/channel.ts'
import type { Hold, Release } from '../../src/release/channel.ts'
import { machineHash } from '../../src/release/target.ts'
import { createApp } from '../../src/runtime/app.ts'
import { sitePages } from '../../src/site/feature.ts'
import { app, day, forgeCatalog, newStore, orderOf, sourceOf, type TestStore } from '../world.ts'

/** Where the deployment says that it is. */
export const publicUrl = 'https://updates.example.org'

export const notes = `# Security fixes

- Linux ([CVE-2026-31431](https://nvd.nist.gov/vuln/detail/CVE-2026-31431)): a *use after free* in \`nf_tables\`
- openssl (CVE-2026-0727)

## Changes

1. Adds \`systemd-sysext\` for NVIDIA drivers
2. Update engine no longer waits for the network

> Machines older than 4081.2.0 pass through that release first.
`

const components = (kernel: string, docker: string): Record<string, string> => ({
  kernel,
  docker,
  containerd: '2.1.5',
  systemd: '257.9',
  ignition: '2.24.0',
  ...(docker > '28' ? { nvidia: '570.195.03' } : { etcd: '3.5.21' }),
})

const cves = Array.from({ length: 9 }, (_, i) => `CVE-2026-${31_431 + 97 * i}`)

/** By channel and version: days before `now`, and what is said of it. */
const published: readonly (readonly [channel: string, version: string, days: number, more?: Partial<Release>])[] = [
  ['alpha', '4081.0.0', 150],
  ['alpha', '4152.0.0', 118],
  ['alpha', '4230.0.0', 95],
  ['alpha', '4372.0.0', 63],
  ['alpha', '4487.0.0', 41],
  ['alpha', '4593.0.0', 13],
  ['alpha', '4628.0.0', 6],
  ['beta', '4081.2.0', 131, { floor: { reason: 'https://example.org/docs/partition-layout' } }],
  ['beta', '4152.2.0', 96],
  ['beta', '4230.2.0', 66],
  ['beta', '4372.2.0', 35],
  ['beta', '4593.2.0', 5],
  ['stable', '4081.2.0', 115, { floor: { reason: 'https://example.org/docs/partition-layout' } }],
  ['stable', '4152.2.0', 87],
  ['stable', '4230.2.0', 59],
  ['stable', '4372.2.0', 30],
  ['stable', '4593.2.0', 1, { target: { oem: { not: ['pxe'] } } }],
]

const cadences: Readonly<Record<string, ChannelManifest['cadence']>> = {
  alpha: { every: 'P7D', on: 'Thu' },
  beta: { every: 'P14D' },
  stable: { every: 'P28D', on: 'Tue' },
}

const kernels: Readonly<Record<string, string>> = { '4593': '6.12.102', '4628': '6.12.108', '4372': '6.12.61' }

const describe = (version: string, now: number, days: number): Partial<Release> => ({
  publishedAt: new Date(now - days * day - 3 * 60 * 60 * 1000).toISOString(),
  components: components(kernels[version.split('.')[0] ?? ''] ?? '6.6.119', version > '4372' ? '28.0.4' : '27.5.1'),
  ...(version > '4372' && { cves }),
})

/** Publishes alpha, beta and stable for two boards, and a channel that follows stable. */
export async function newPageStore(): Promise<TestStore> {
  const store = await newStore()
  const { publisher, time } = store
  for (const [channel, version] of published)
    for (const board of ['amd64-usr', 'arm64-usr']) {
      const sources = [
        sourceOf('flatcar_production_update.gz', `CrAU ${version} ${board}`),
        sourceOf('oem-azure.gz', 'extra'),
      ] as const
      await publish(publisher, {
        ...orderOf(version, { channel, board }),
        sources,
        notes: new TextEncoder().encode(notes),
      })
    }
  const now = time.now
  const ramp = [
    { at: new Date(now - 9 * 60 * 60 * 1000).toISOString(), share: 0 },
    { at: new Date(now + 15 * 60 * 60 * 1000).toISOString(), share: 1 },
  ]
  for (const channel of ['alpha', 'beta', 'stable'])
    await commitChannel(publisher, { app, channel }, (current) => ({
      ...current,
      description: `What most machines run: ${channel}`,
      ...(cadences[channel] && { cadence: cadences[channel] }),
      provenance: { by: 'release pipeline 4711', commit: '1a2b3c4d' },
      releases: current.releases.map((release) => {
        const [, version, days, more] = published.find(([name, it]) => name === channel && it === release.version) ?? []
        if (version === undefined || days === undefined) return release
        const isRamped = channel === 'stable' && version === '4593.2.0'
        return { ...release, ...describe(version, now, days), ...more, ...(isRamped && { ramp }) }
      }),
    }))
  await commitChannel(publisher, { app, channel: 'prod-eu' }, (current) => ({
    ...current,
    description: 'Production in Europe, a week behind stable',
    follow: { channel: 'stable', after: 'P7D', over: 'PT48H' },
    windows: [{ days: ['Mon', 'Tue', 'Wed', 'Thu'], from: '22:00', to: '04:00', timeZone: 'Europe/Berlin' }],
    target: { machines: { deny: [machineHash('feedfeedfeedfeedfeedfeedfeedfeed')] } },
  }))
  await refresh(publisher)
  const hold: Hold = {
    version: '4593.2.0',
    reason: 'https://example.org/incidents/boot-loop',
    at: new Date(now).toISOString(),
  }
  await forgeCatalog(store, (catalog) => {
    const of = catalog.apps[app]
    const beta = of?.channels.beta
    if (of === undefined || beta === undefined) throw new Error('there is no beta')
    return {
      ...catalog,
      issuedAt: new Date(Date.parse(catalog.issuedAt) + 1).toISOString(),
      apps: {
        [app]: { name: 'Flatcar Container Linux', channels: { ...of.channels, beta: { ...beta, holds: [hold] } } },
      },
    }
  })
  return store
}

/** Serves a store with pages, in this process. */
export const serve = ({ publisher, log }: TestStore, more: Partial<Serving> = {}) =>
  createApp({
    cache: newCatalogCache(),
    reader: publisher,
    packages: publisher.packages,
    events: (event) => void log.push(event),
    publicUrl,
    app,
    explain: 'public',
    extensions: [sitePages, coreUpdateLists],
    background: () => undefined,
    ...more,
  })
