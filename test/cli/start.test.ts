/** `npm start`, as a newcomer runs it: the real npm, a real port, an empty folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bodyOf as sample } from '../protocol/samples.ts'

const repository = resolve(import.meta.dirname, '../..')
let folder: string
let child: ChildProcess | undefined
let talk = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'platte-start-'))
})
afterEach(() => {
  if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null)
    process.kill(-child.pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Starts it, and waits for the URL that it prints. npm runs it in a group of its own, to be ended as one. */
async function start(): Promise<string> {
  talk = ''
  const args = ['start', '--', '--dir', join(folder, 'dev'), '--port', '0']
  child = spawn('npm', args, { cwd: repository, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  for await (const chunk of child.stderr ?? []) {
    talk += chunk
    const url = /answers update checks on (\S+)\/v1\/update\//.exec(talk)?.[1]
    if (url !== undefined && talk.includes('Stop it with')) return url
  }
  throw new Error(`it ended: ${talk}`)
}

async function stop(): Promise<void> {
  if (child?.pid === undefined) throw new Error('it does not run')
  const ended = once(child, 'exit')
  process.kill(-child.pid, 'SIGINT')
  await ended
}

const ask = async (url: string, body: string): Promise<string> =>
  (await fetch(`${url}/v1/update/`, { method: 'POST', body })).text()

test('an empty folder becomes an endpoint that offers the demo release, and stays one', async () => {
  const url = await start()
  expect(talk).toContain('THIS ROOT IS FOR DEVELOPMENT')
  const offer = await ask(url, sample('full-update-01'))
  expect(offer).toContain('<updatecheck status="ok">')
  expect(offer).toContain('<manifest version="4152.2.0">')
  expect(await ask(url, sample('updatecheck-postreboot'))).toContain(
    '<updatecheck status="noupdate" _no_update_reason="up-to-date"/>',
  )
  const codebase = /codebase="([^"]+)"/.exec(offer)?.[1]
  const payload = await fetch(`${codebase}flatcar_production_update.gz`)
  expect((await payload.text()).slice(0, 4)).toBe('CrAU')
  const curl = /--data '([^']+)'/.exec(talk)?.[1]
  expect(await ask(url, curl ?? '')).toContain('<manifest version="4152.2.0">')
  await stop()

  const manifests = readdirSync(join(folder, 'dev/store/apps'), { recursive: true }).length
  const again = await start()
  expect(talk).not.toContain('.jwk')
  expect(talk).not.toContain('published the demo')
  expect(await ask(again, sample('full-update-01'))).toContain('<manifest version="4152.2.0">')
  expect(readdirSync(join(folder, 'dev/store/apps'), { recursive: true }).length).toBe(manifests)
  await stop()
})
