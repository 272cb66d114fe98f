/** A client that oazapfts generates of the document publishes a release, asks, and locks, against a real server. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { payloadText } from '../payloads.ts'
import { announced } from '../uploads/scene.ts'
import { app } from '../world.ts'
import { fleetToken, lockToken, readDocument, startEverything, stopAll } from './servers.ts'

const run = promisify(execFile)
const bin = (name: string): string => join(process.cwd(), 'node_modules/.bin', name)
const dir = mkdtempSync(join(tmpdir(), 'platte-client-'))
const { url, issuer } = await startEverything()

/** For hangs, not for speed. */
const timeout = 120_000

beforeAll(async () => {
  symlinkSync(join(process.cwd(), 'node_modules'), join(dir, 'node_modules'))
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
  writeFileSync(join(dir, 'openapi.json'), JSON.stringify(await readDocument(url)))
  await run(bin('oazapfts'), [join(dir, 'openapi.json'), join(dir, 'platte.ts')])
}, timeout)
afterAll(async () => {
  await stopAll()
  rmSync(dir, { recursive: true })
})

const bytes = payloadText('version 2')
const file = announced({ name: 'update.gz', bytes: new TextEncoder().encode(bytes) })

/** What somebody would write with it. Its types are checked, and it runs. */
const program = `
import * as platte from './platte.ts'

platte.defaults.baseUrl = process.env.URL!
const withToken = (name: string) => ({ headers: { authorization: 'Bearer ' + process.env[name] } })
const release = { app: '${app}', channel: 'stable', version: '2', board: 'amd64-usr' }
const file = ${JSON.stringify(file)}

const announced = await platte.announceUploads({ ...release, packages: [file] }, withToken('UPLOAD'))
if (announced.status !== 200) throw new Error(JSON.stringify(announced))
for (const one of announced.data.packages)
  if (one.kind === 'missing') {
    for (const { number, size } of one.parts)
      await platte.sendPart(one.id, String(number), new Blob([${JSON.stringify(bytes)}]), { headers: { 'content-length': String(size) } })
    await platte.completeUpload(one.id)
  }
const published = await platte.publish({ ...release, packages: [file], create: true }, withToken('PUBLISH'))
const channel = await platte.readChannel(release.app, 'stable')
const explained = await platte.explain(release.app, 'stable', '1', 'amd64-usr')
const lock = { client_params: { id: 'a-machine', group: 'workers' } }
const lockHeaders = { headers: { authorization: 'Basic ' + btoa('x:' + process.env.LOCK) } }
const locked = await platte.lockReboot('true', lock, lockHeaders)
const second = await platte.lockReboot('true', { client_params: { id: 'another', group: 'workers' } }, lockHeaders)
const fleet = await platte.readFleet({}, withToken('FLEET'))
const refused = await platte.hold({ ...release, reason: 'why' })

console.log(JSON.stringify({
  published: published.status === 200 && [published.data.kind, published.data.seq],
  offered: channel.status === 200 && channel.data.boards.map(({ offered }) => offered),
  explained: explained.status === 200 && [explained.data.decision, explained.data.offered],
  locked: [locked.status, second.status],
  machines: fleet.status === 200 && typeof fleet.data === 'object' && fleet.data.channels.length > 0,
  refused: refused.status === 401 && refused.data.code,
}))
`

test('publish, show, explain, lock, fleet', { timeout }, async () => {
  writeFileSync(join(dir, 'program.ts'), program)
  const options = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--allowImportingTsExtensions']
  const typed = await run(bin('tsc'), [...options, '--types', 'node', '--skipLibCheck', join(dir, 'program.ts')], {
    cwd: dir,
  }).catch((error) => error)
  expect(typed.stdout).toBe('')
  const env = {
    ...process.env,
    URL: url,
    UPLOAD: await issuer.token(),
    PUBLISH: await issuer.token(),
    FLEET: fleetToken,
    LOCK: lockToken,
  }
  const { stdout } = await run(process.execPath, [join(dir, 'program.ts')], { env })
  expect(JSON.parse(stdout)).toEqual({
    published: ['published', 1],
    offered: ['2'],
    explained: ['update', '2'],
    locked: [200, 423],
    machines: true,
    refused: 'unauthorized',
  })
})
