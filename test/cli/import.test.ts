/** Moving from a recorded Nebraska on the command line: processes, sockets and files. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { recording, nebraska as startNebraska } from '../nebraska.ts'
import type { TestServer } from '../upstream/server.ts'

const main = inject('cli')
const folder = mkdtempSync(join(tmpdir(), 'platte-import-'))
const token = 'canary-token'
let env: NodeJS.ProcessEnv = {
  ...{ PATH: process.env.PATH, HOME: folder, NO_COLOR: '1', PORT: '0' },
  ...{ PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys' },
}
let nebraska: TestServer
let server: ChildProcess | undefined

async function platte(...args: readonly string[]) {
  const one = spawn(process.execPath, [main, ...args], { cwd: folder, env })
  const [out, talk, [code]] = await Promise.all([text(one.stdout), text(one.stderr), once(one, 'close')])
  expect(out + talk).not.toContain(token)
  return { code, out, talk }
}
const url = (): string => nebraska.url.slice(0, -1)
const importing = (...more: readonly string[]) => platte('import', 'nebraska', url(), ...more)

beforeAll(async () => {
  nebraska = await startNebraska({
    instead: ({ url: path = '', headers }, response) =>
      path.startsWith('/api/') && headers.authorization !== `Bearer ${token}`
        ? response.writeHead(401).end()
        : undefined,
  })
  writeFileSync(join(folder, 'token'), `${token}\n`)
  const { out } = await platte('init', '--root-keys', 'offline')
  env = { ...env, PLATTE_ROOT: out.trim().replace('PLATTE_ROOT=', '') }
})
afterAll(async () => {
  server?.kill('SIGKILL')
  await nebraska.close()
  rmSync(folder, { recursive: true, force: true })
})

const tokenFile = ['--token-file', 'token'] as const

test('without its token, Nebraska is not read', async () => {
  expect(await importing()).toMatchObject({
    code: 4,
    talk: expect.stringMatching(
      /^error: http:\S+: answers 401: it wants a token\nhint: give one with --token-file FILE\n$/,
    ),
  })
  expect(await importing('--token', 'a', ...tokenFile)).toMatchObject({ code: 2 })
  expect(await importing('--token-file', 'nowhere')).toMatchObject({ code: 2 })
})

test('a store at format 1 is told what it needs before anything is written', async () => {
  expect(await importing(...tokenFile)).toMatchObject({
    code: 3,
    talk: expect.stringContaining('error: the alias "Prod-EU" needs format 2, and this store is at format 1\n'),
  })
  const { code, out, talk } = await importing(...tokenFile, '--dry-run')
  expect([code, talk]).toEqual([0, expect.stringContaining('warning: the alias "Prod-EU" needs format 2')])
  expect(out).toContain('  window Mon,Tue,Wed,Thu,Fri 09:00 to 17:00 Europe/Berlin\n')
  expect(out).toMatch(/Dry run: \d+ changes\. Nothing written\.\n$/)
  expect(readdirSync(join(folder, 'store'))).not.toContain('apps')
})

test('an import names what it could not read, and goes on with the rest; another one changes nothing', async () => {
  await platte('root', 'format', '2', '--oldest-reader', '0.2.0', '--out', 'root.json')
  await platte('root', 'sign', 'root.json', '--key', 'offline/root.jwk')
  const { out } = await platte('root', 'publish', 'root.jws')
  env = { ...env, PLATTE_ROOT: out.trim().replace('PLATTE_ROOT=', '') }
  const first = await importing(...tokenFile)
  expect(first).toMatchObject({ code: 5, out: 'Imported 6 of 8 channels.\n' })
  expect(first.talk).toMatch(
    /\nerror: alpha: 2261\.0\.0 for amd64-usr: http:\S+2261\.0\.0\S+: there is no such file: check the URL\nerror: edge: /,
  )
  const some = ['stable', 'Prod-EU', 'beta', 'frozen', 'canaries', 'by-uuid'].flatMap((one) => ['--channel', one])
  expect(await importing(...tokenFile, ...some)).toMatchObject({
    code: 0,
    out: 'No change: everything is here already.\n',
  })
  expect(first.talk).toMatch(/^note: prod-eu: office hours/m)
  expect((await importing(...tokenFile, '--channel', 'beta')).talk).not.toMatch(/^note: prod-eu: /m)
  expect(await importing(...tokenFile, '--channel', 'nope')).toMatchObject({
    code: 2,
    talk: expect.stringMatching(/^error: --channel: "nope" is not there\nhint: it has prod-eu, /),
  })
  expect(await platte('verify')).toMatchObject({ code: 0, out: expect.stringContaining('packages 5') })
})

test('only the app that is named is read', async () => {
  const { code, out } = await importing(...tokenFile, '--app', 'io.example.agent', '--json')
  expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ kind: 'unchanged', channels: [] })])
})

test('served, it answers a recorded machine', async () => {
  server = spawn(process.execPath, [main, 'serve'], { cwd: folder, env })
  let talk = ''
  const address = await new Promise<string>((resolve) =>
    server?.stderr?.on('data', (chunk) => {
      talk += chunk
      const [, found] = /listening on (http:\S+)/.exec(talk) ?? []
      if (found) resolve(found)
    }),
  )
  const body = recording('server/client-amd64-below-floor.request.xml')
  const answer = await (await fetch(address, { method: 'POST', body })).text()
  expect(answer).toContain('<manifest version="4152.2.0">')
  expect(answer).toContain('sha256="X8S7LMzGPo8wbHXf1lo7JPhIV+IrgzFHuk0CINl7Pd8="')
})

test('a bundle is imported as before, whatever it is called', async () => {
  await platte('export', '--out', 'nebraska')
  const { code, out } = await platte('import', './nebraska', '--store', 'file:inside')
  expect([code, out]).toEqual([0, expect.stringMatching(/^imported: documents /)])
})
