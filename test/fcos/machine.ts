/** A machine with the real Zincati, and what it did. Only where PLATTE_ZINCATI names it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const program = process.env.PLATTE_ZINCATI

/** What a machine runs, or can deploy. */
export interface Deployed {
  readonly version: string
  readonly checksum: string
  /** With its digest; the machine is of images then. */
  readonly oci?: string
}

const digest = `sha256:${'2'.repeat(64)}`
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 2 }
const manifest = { schemaVersion: 2, config, layers: [], annotations: { 'fedora-coreos.stream': 'stable' } }

/** As `rpm-ostree status --json` has it. */
function deployment({ version, checksum, oci }: Deployed, state: object): string {
  const [name, imageDigest] = oci?.split('@') ?? []
  const image = oci && {
    'container-image-reference': `ostree-image-signed:docker://${name}:stable`,
    'container-image-reference-digest': imageDigest,
  }
  const meta = { 'ostree.manifest': JSON.stringify(manifest) }
  return JSON.stringify({ ...state, checksum, version, 'base-commit-meta': meta, ...image })
}

export interface Machine {
  /** What it had done on the machine, in order. */
  readonly calls: () => readonly string[]
  readonly log: () => string
  /** Waits until the log has a text. @throws after half a minute. */
  readonly reached: (words: string) => Promise<void>
  readonly stop: () => Promise<void>
}

/** @param toml its configuration, as `platte client-config` writes it. @param remote what it can deploy. */
export function startZincati(toml: string, booted: Deployed, remote: readonly Deployed[]): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'platte-zincati-test-'))
  const configs = join(folder, 'etc/zincati/config.d')
  for (const path of [configs, join(folder, 'remote')]) mkdirSync(path, { recursive: true })
  writeFileSync(join(configs, '60-platte.toml'), toml)
  writeFileSync(join(configs, '70-often.toml'), '[agent.timing]\nsteady_interval_secs = 1\n')
  writeFileSync(join(folder, 'etc/machine-id'), '0123456789abcdef0123456789abcdef\n')
  writeFileSync(join(folder, 'booted.json'), deployment(booted, { booted: true }))
  for (const one of remote) {
    const name = one.oci?.split('@sha256:')[1] ?? one.checksum
    writeFileSync(join(folder, 'remote', name), deployment(one, { booted: false, staged: true }))
  }
  const child: ChildProcess = spawn(program ?? '', [folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk))
  const calls = () =>
    existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trimEnd().split('\n') : []
  return {
    calls,
    log: () => text,
    async reached(words) {
      for (let i = 0; i < 600 && !text.includes(words); i++) await sleep(50)
      if (!text.includes(words)) throw new Error(`the log has no "${words}":\n${text}`)
    },
    async stop() {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      // unshare ignores other signals while its child runs, and takes the child along.
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true })
    },
  }
}
