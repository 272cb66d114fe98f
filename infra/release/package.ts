/**
 * Makes dist/npm, the folder that is published: what `npm run build` made, the documents, and a manifest without
 * dependencies, since the bundles contain them. PLATTE_REPOSITORY, the URL of the repository, is for npm's provenance.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { licenses } from './licenses.ts'

const root = resolve(import.meta.dirname, '../..')
const out = join(root, 'dist/npm')

const contents = [
  ...['dist/cli', 'dist/deno', 'dist/lambda', 'dist/worker.mjs', 'dist/worker-full.mjs'],
  ...['dist/worker-objects.mjs', 'dist/worker-pages.mjs'],
  ...[
    'infra/aws',
    'infra/systemd',
    'infra/prometheus/platte.rules.yml',
    'infra/grafana',
    'infra/kubernetes',
    'infra/sql',
  ],
  ...['docs', 'README.md', 'README.zh-CN.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'],
]

rmSync(out, { recursive: true, force: true })
for (const name of contents) cpSync(join(root, name), join(out, name), { recursive: true })

const { name, version, description, type, license, engines, bin, exports } = JSON.parse(read('package.json'))
const url = process.env.PLATTE_REPOSITORY
const manifest = {
  ...{ name, version, description, keywords: ['omaha', 'flatcar', 'coreos', 'update-server'], type, license, engines },
  ...{ bin, exports, ...(url ? { repository: { type: 'git', url: `git+${url}.git` } } : {}) },
  publishConfig: { access: 'public' },
}
write('package.json', `${JSON.stringify(manifest, null, 2)}\n`)
write('wrangler.toml', replaceOnce(read('wrangler.toml'), 'src/runtime/worker-full.ts', 'dist/worker-full.mjs'))
write('LICENSES.txt', licenses(root))

function read(name: string): string {
  return readFileSync(join(root, name), 'utf8')
}

function write(name: string, text: string): void {
  writeFileSync(join(out, name), text)
}

function replaceOnce(text: string, from: string, to: string): string {
  const parts = text.split(`"${from}"`)
  if (parts.length !== 2) throw new Error(`wrangler.toml: "${from}" must be there once`)
  return parts.join(`"${to}"`)
}
