/** A command that serves until its caller ends it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Started {
  readonly url: string
  stop(): Promise<void>
}

const urlIn = /(http:\/\/127\.0\.0\.1:\d+)/

/** @throws Error with what it printed, if it ends without naming its URL. */
export async function start(command: string, args: readonly string[], options: object): Promise<Started> {
  const child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  const url = await firstUrl(child)
  const stop = async (): Promise<void> => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
    await ended
  }
  return { url, stop }
}

function firstUrl(child: ChildProcess): Promise<string> {
  let printed = ''
  return new Promise((done, fail) => {
    const take = (chunk: unknown): void => {
      printed += chunk
      const [, url] = urlIn.exec(printed) ?? []
      if (url !== undefined) done(url)
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.once('error', fail)
    child.once('exit', () => fail(new Error(`it ended: ${printed}`)))
  })
}

/** What a machine with an old release is answered. @param version the release that it has. */
export async function ask(url: string, version = '4081.2.0'): Promise<string> {
  const body = `<request protocol="3.0"><app appid="{e96281a6-d1af-4bde-9a0a-97b76e56dc57}" version="${version}"
    track="stable" board="amd64-usr"><updatecheck/></app></request>`
  return (await fetch(`${url}/v1/update/`, { method: 'POST', body })).text()
}
