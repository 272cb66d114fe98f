/** What a command must say at the publish function, over HTTP: refused without, taken with it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageFolder } from '../../src/documents/paths.ts'
import { startServer } from '../../src/runtime/node.ts'
import { readSettings } from '../../src/runtime/settings.ts'
import { openStore } from '../../src/runtime/store.ts'
import { execute, holdRelease } from '../changes.ts'
import { payloadText } from '../payloads.ts'
import { announced } from '../uploads/scene.ts'
import { app, orderOf, publishOne } from '../world.ts'
import { startIssuer } from './issuer.ts'
import { emptyStore } from './store.ts'

const dir = await mkdtemp(join(tmpdir(), 'platte-said-'))
const issuer = await startIssuer()
const { documents, packages } = await openStore({ kind: 'file', dir })
let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  const { publisher, env } = await emptyStore(issuer, documents, packages)
  await publishOne({ publisher }, '1')
  for (const version of ['2', '3']) await publishOne({ publisher }, version, { channel: 'staging' })
  const staging = { app, channel: 'staging' }
  await holdRelease(publisher, staging, { version: '2', reason: 'boot loop' })
  await execute(publisher, 'withdraw', { ...staging, version: '3', reason: 'no network' })
  const settings = readSettings({ ...env, PLATTE_STORE: `file:${dir}`, PORT: '0' }, ['store', 'pin'])
  server = await startServer(settings, publisher)
})
afterAll(async () => {
  await server.stop()
  issuer.close()
  await rm(dir, { recursive: true })
})

/** Publishes bytes that are in the store. */
async function publish(version: string, text: string, more: object) {
  const bytes = new TextEncoder().encode(text)
  const file = announced({ name: 'update.gz', bytes })
  const release = { app, channel: 'stable', version, board: 'amd64-usr', packages: [file], ...more }
  const key = packageFolder(release, [file]) + file.name
  await packages.put(key, new Blob([bytes]).stream(), file)
  const headers = { authorization: `Bearer ${await issuer.token()}`, 'content-type': 'application/json' }
  const response = await fetch(`${server.url}/v1/publish`, { method: 'POST', headers, body: JSON.stringify(release) })
  const { kind, detail, hint } = (await response.json()) as Readonly<Record<string, string>>
  return `${response.status} ${kind ?? `${detail} ${hint}`}`
}

const payloadOf = (version: string) => {
  const { board } = orderOf(version)
  return payloadText(`CrAU ${version} ${board}`)
}

test.each<[string, string, string, object, object, RegExp]>([
  ['text in place of a payload', '9', 'Read me first.', {}, { raw: true }, /^403 update\.gz .* payload.*--raw/],
  [
    'a board that the app does not have',
    '1',
    payloadText('CrAU 1 amd64-urs'),
    { board: 'amd64-urs' },
    { createBoard: true },
    /^403 .* has no board "amd64-urs" did you mean amd64-usr\?.*--create-board/,
  ],
  [
    'a version that is held elsewhere',
    '2',
    payloadOf('2'),
    {},
    { ignoreHolds: true },
    /^403 2 is held in staging: boot loop .*--ignore-holds/,
  ],
  [
    'a version that was withdrawn elsewhere',
    '3',
    payloadOf('3'),
    {},
    { ignoreHolds: true },
    /^403 3 was withdrawn from staging: no network .*--ignore-holds/,
  ],
])('%s', async (_, version, text, plain, said, words) => {
  const given = { ...plain, belowNewest: true }
  for (const more of [{}, { dryRun: true }]) expect(await publish(version, text, { ...given, ...more })).toMatch(words)
  expect(await publish(version, text, { ...given, ...said, dryRun: true })).toBe('200 dry-run')
})
