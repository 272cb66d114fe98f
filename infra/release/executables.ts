/**
 * Makes dist/executables/platte-<version>-linux-<processor>.tar.gz of each processor, or of those that are named: Node
 * with the command line inside, and the licenses of both. Runs on Linux.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { licenses } from './licenses.ts'
import { fetchNode, type Processor, shipped } from './runtimes.ts'

const root = resolve(import.meta.dirname, '../..')
const out = join(root, 'dist/executables')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const work = mkdtempSync(join(tmpdir(), 'platte-executables-'))

mkdirSync(out, { recursive: true })
try {
  const named = process.argv.slice(2)
  const main = join(work, 'platte.cjs')
  await bundle(main)
  const blob = makeBlob(main)
  for (const processor of ['x64', 'arm64'] as const)
    if (named.length === 0 || named.includes(processor)) make(processor, blob)
} finally {
  rmSync(work, { recursive: true })
}

/** One file, since an executable has nothing beside it, and CommonJS, since Node 24 starts nothing else from inside. */
function bundle(outfile: string) {
  return build({
    ...{ entryPoints: [join(root, 'src/cli/main.ts')], absWorkingDir: root, outfile, bundle: true },
    ...{ platform: 'node', format: 'cjs', target: 'node24', mainFields: ['module', 'main'], logLevel: 'warning' },
  })
}

function make(processor: Processor, blob: string): void {
  const name = `platte-${version}-linux-${processor}`
  const folder = join(work, name)
  mkdirSync(folder)
  const node = fetchNode(shipped.version, processor, shipped.integrity[processor])
  const executable = join(folder, 'platte')
  cpSync(join(node, 'bin/node'), executable)
  inject(executable, blob)
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  cpSync(join(node, 'LICENSE'), join(folder, 'LICENSE.node'))
  writeFileSync(join(folder, 'LICENSES.txt'), licenses(root))
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', folder])
  const same = [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--use-compress-program=gzip -n',
  ]
  execFileSync('tar', [...same, '-cf', join(out, `${name}.tar.gz`), '-C', work, name])
}

/** Without V8's code cache, which differs from build to build. The path of `main` becomes part of it. */
function makeBlob(main: string): string {
  const output = 'blob'
  const config = { main: basename(main), output, disableExperimentalSEAWarning: true }
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config))
  const host = process.arch === 'arm64' ? 'arm64' : 'x64'
  const node = fetchNode(shipped.version, host, shipped.integrity[host])
  execFileSync(join(node, 'bin/node'), ['--experimental-sea-config', 'sea.json'], { cwd: work, stdio: 'pipe' })
  return join(work, output)
}

/** The fuse is a text in Node's binary that tells it to look for what is inside. */
function inject(executable: string, blob: string): void {
  const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
  const postject = join(root, 'node_modules/postject/dist/cli.js')
  execFileSync(process.execPath, [postject, executable, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse], {
    stdio: 'pipe',
  })
}
