/** What `wrangler.toml` says of each environment, and that wrangler would deploy it without a word of warning. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { unstable_readConfig } from 'wrangler'

const root = resolve(import.meta.dirname, '../..')
const variables = ['PLATTE_ROOT', 'PLATTE_PUBLIC_URL', 'PLATTE_PACKAGES_URL', 'PLATTE_TIMESTAMP_KEY'].concat([
  ...['PLATTE_LOCKS', 'PLATTE_PUBLISH_POLICY', 'PLATTE_RELEASE_KEY', 'PLATTE_APP'],
])

test.each([
  ['', 'platte'],
  ['staging', 'platte-staging'],
])('environment "%s": npm run deploy:worker would deploy %s', async (environment, name) => {
  const {
    name: worker,
    r2_buckets,
    vars,
    triggers,
    observability,
  } = unstable_readConfig({
    config: join(root, 'wrangler.toml'),
    env: environment,
  })
  expect({ worker, r2_buckets, triggers }).toEqual({
    worker: name,
    r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: name }],
    triggers: { crons: ['* * * * *'] },
  })
  expect(Object.keys(vars)).toEqual(variables)
  expect(observability?.enabled).toBe(true)
  const folder = await mkdtemp(join(tmpdir(), 'platte-wrangler-'))
  const { status, stdout, stderr } = spawnSync(
    'npm',
    ['run', '--silent', 'deploy:worker', '--', '--dry-run', '--outdir', join(folder, 'out')],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        CLOUDFLARE_ENV: environment || undefined,
        WRANGLER_SEND_METRICS: 'false',
        WRANGLER_LOG_PATH: folder,
      },
    },
  )
  await rm(folder, { recursive: true })
  expect(stderr).toBe('')
  expect(stdout).toContain(`env.PLATTE_BUCKET (${name})`)
  expect(stdout).not.toMatch(/warning|error/i)
  expect(status).toBe(0)
})
