/** Releases as Flatcar publishes them: two boards of 26 packages, 40 CVEs, notes and components. */
import { textDigest } from '../../src/kernel/digest.ts'
import type { BoardPackages, Package, Release } from '../../src/release/channel.ts'

const oems = [
  'akamai',
  'ami',
  'azure',
  'digitalocean',
  'gce',
  'hetzner',
  'kubevirt',
  'nutanix',
  'openstack',
  'packet',
  'proxmoxve',
]
const more = ['qemu', 'scaleway', 'stackit', 'vmware', 'vultr', 'hyperv', 'nvidia']
const parts = ['containerd', 'docker', 'incus', 'overlaybd', 'podman', 'python', 'zfs']
const names = [
  'flatcar_production_update.gz',
  ...[...oems, ...more].map((oem) => `oem-${oem}.gz`),
  ...parts.map((part) => `flatcar-${part}.gz`),
]

const packageOf = (name: string, at: string): Package => {
  const sha256 = textDigest(`${name} ${at}`)
  return {
    name,
    size: 40_897_503,
    sha256,
    sha1: sha256.slice(0, 40),
    ...(!name.includes('update') && { required: false }),
  }
}

function realisticRelease(version: string): Release {
  const board = (name: string): BoardPackages => {
    const [first, ...others] = names.map((one) => packageOf(one, `${version} ${name}`))
    if (first === undefined) throw new Error('no package')
    return { codebases: [], packages: [first, ...others] }
  }
  return {
    version,
    publishedAt: '2026-11-23T05:40:00.000Z',
    components: { kernel: '6.12.102', systemd: '257.9', ignition: '2.22.0', containerd: '2.1.5', docker: '28.0.4' },
    cves: Array.from({ length: 40 }, (_, i) => `CVE-2026-${10_000 + i}`),
    notes: { sha256: textDigest(version), size: 9120 },
    boards: { 'amd64-usr': board('amd64-usr'), 'arm64-usr': board('arm64-usr') },
  }
}

/** Newest first. */
export const realisticReleases = (count: number): readonly Release[] =>
  Array.from({ length: count }, (_, i) => realisticRelease(`${5000 - i}.2.0`))
