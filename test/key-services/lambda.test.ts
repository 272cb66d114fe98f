/** The built function with its timestamp key in AWS KMS. Only where that runs: `.ci/key-services run npm test -- test/key-services`. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test, vi } from 'vitest'
import { useFunction } from '../lambda/function.ts'
import { payloadText } from '../payloads.ts'
import { startS3 } from '../s3/server.ts'
import { kms, serviceEnv } from './servers.ts'

const { start, logged } = useFunction()

test.skipIf(!kms)('a schedule makes known what was published, and signs with the key of the service', async () => {
  const s3 = await startS3()
  const folder = mkdtempSync(join(tmpdir(), 'platte-kms-lambda-'))
  const common = { ...serviceEnv, ...s3.env, AWS_REGION: serviceEnv.AWS_REGION, PLATTE_STORE: s3.setting }
  const env: Record<string, string> = { ...common, PLATTE_APP: 'example.app', PLATTE_KEYS: 'keys' }
  const platte = (line: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { cwd: folder, env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' as const }
      execFile(process.execPath, [inject('cli'), ...line.split(' ')], options, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      )
    })
  try {
    const url = 'awskms:///alias/platte-lambda'
    await platte(`keygen keys/timestamp.jwk --kms ${url}`)
    env.PLATTE_ROOT = (await platte('init --root-keys offline')).trim().replace('PLATTE_ROOT=', '')
    writeFileSync(join(folder, 'os_update.gz'), payloadText('one'))
    rmSync(join(folder, 'keys/timestamp.jwk'))
    await platte('publish os_update.gz --channel stable --version 1.0.0 --board amd64-usr --create')
    const seen = (): Record<string, unknown> => {
      const { payload } = JSON.parse(Buffer.from(s3.bucket.objects.get('here/catalog.jws')?.bytes ?? '').toString())
      return JSON.parse(Buffer.from(payload, 'base64url').toString()).apps
    }
    expect(seen()).toEqual({})
    for (const [name, value] of Object.entries(common)) vi.stubEnv(name, value)
    const settings = { PLATTE_ROOT: env.PLATTE_ROOT, PLATTE_PUBLIC_URL: 'https://updates.example.org' }
    const invoke = await start({ ...common, ...settings, PLATTE_TIMESTAMP_KEY: url })
    expect(await invoke({ source: 'platte.refresh' })).toBeNull()
    expect(logged().filter(({ level }) => level === 'error')).toEqual([])
    expect(seen()).toMatchObject({ 'example.app': { channels: { stable: { seq: 1 } } } })
  } finally {
    vi.unstubAllEnvs()
    await s3.close()
    rmSync(folder, { recursive: true })
  }
})
