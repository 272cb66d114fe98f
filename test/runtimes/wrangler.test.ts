/** What `wrangler.toml` says of each environment, and that wrangler would deploy it without a word of warning. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { unstable_readConfig } from 'wrangler'

const root = resolve(import.meta.dirname, '../..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const sizes: readonly { path: string; limit: string }[] = manifest['size-limit']
const variables = ['PLATTE_ROOT', 'PLATTE_PUBLIC_URL', 'PLATTE_PACKAGES_URL', 'PLATTE_TIMESTAMP_KEY'].concat([
  ...['PLATTE_LOCKS', 'PLATTE_PUBLISH_POLICY', 'PLATTE_RELEASE_KEY', 'PLATTE_APP'],
])

const logs = mkdtempSync(join(tmpdir(), 'platte-wrangler-'))
afterAll(() => rmSync(logs, { recursive: true }))
const wrangler = (args: readonly string[]) =>
  spawnSync(join(root, 'node_modules/.bin/wrangler'), args, {
    ...{ cwd: root, encoding: 'utf8' },
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: logs },
  })
const toml = readFileSync(join(root, 'wrangler.toml'), 'utf8')
const kBytes = (text: string): number => Number(/([\d.]+) kB/.exec(text)?.[1])

test.each([
  ['worker-full', /Everything, ([\d.]+ kB) compressed/],
  ['worker-objects', /worker-objects\.ts \(([\d.]+ kB)\)/],
  ['worker-pages', /worker-pages\.ts \(([\d.]+ kB)\)/],
  ['worker', /worker\.ts\s+#? ?\(([\d.]+ kB)\)/],
])('%s: the size that wrangler.toml names is what wrangler uploads', (name, stated) => {
  const [, size = ''] = stated.exec(toml) ?? []
  const { limit = '' } = sizes.find(({ path }) => path === `dist/${name}.mjs`) ?? {}
  expect(size).toBe(limit)
  const { stdout } = wrangler(['deploy', `src/runtime/${name}.ts`, '--env=', '--dry-run'])
  const uploaded = (Number(/gzip: ([\d.]+) KiB/.exec(stdout)?.[1]) * 1024) / 1000
  expect(Math.abs(uploaded / kBytes(size) - 1)).toBeLessThan(0.03)
})

test('the lines of Durable Objects are right once they are taken in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'platte-wrangler-'))
  const [, block = ''] = /((?:^# .*\n|^#\n)*^# new_sqlite_classes.*\n)/m.exec(toml) ?? []
  const [, lines = ''] = /(^# \[\[durable_objects[\s\S]*)/m.exec(block) ?? []
  const taken = toml
    .replace(lines, lines.replace(/^# ?/gm, ''))
    .replace(/^main = .*/m, `main = ${JSON.stringify(join(root, 'src/runtime/worker-objects.ts'))}`)
  await writeFile(join(folder, 'wrangler.toml'), taken)
  const { stdout, stderr } = wrangler(['deploy', '--config', join(folder, 'wrangler.toml'), '--env=', '--dry-run'])
  await rm(folder, { recursive: true })
  expect([stdout, stderr]).toEqual([expect.stringContaining('env.PLATTE_LOCK_GROUPS (LockGroup)'), ''])
})

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
