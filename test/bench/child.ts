/** Child processes that send what they found as messages. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { denoBinary } from '../runtimes/start-deno.ts'

export interface Child {
  /** The next message; rejects where the process ends without one. */
  next<T>(): Promise<T>
  send(message: string): void
  /** `null` unless it is a pipe. */
  readonly stdout: Readable | null
  stop(): Promise<void>
}

export type Runtime = 'Node' | 'Deno'

const runtimes: Readonly<Record<Runtime, { readonly execPath: string; readonly execArgv: readonly string[] }>> = {
  Node: { execPath: process.execPath, execArgv: [] },
  Deno: { execPath: denoBinary, execArgv: ['run', '--allow-all', '--no-prompt', '--cached-only', '--no-lock'] },
}

interface ChildOptions {
  readonly stdout?: 'ignore' | 'pipe' | number
  readonly runtime?: Runtime
  /** Of the runtime, besides its own. */
  readonly flags?: readonly string[]
  /** Besides what this process has. */
  readonly env?: NodeJS.ProcessEnv
}

/** Starts a file of this folder. */
export function startChild(
  file: string,
  args: readonly string[],
  { stdout = 'ignore', runtime = 'Node', flags = [], env }: ChildOptions = {},
): Child {
  const child = fork(new URL(file, import.meta.url), args, {
    execPath: runtimes[runtime].execPath,
    execArgv: [...runtimes[runtime].execArgv, ...flags],
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  const early = ended.then(() => {
    throw new Error(`${file} ended early (${child.exitCode ?? child.signalCode})`)
  })
  early.catch(() => {})
  return {
    next: async <T>() => {
      const [message] = await Promise.race([once(child, 'message'), early])
      return message as T
    },
    send: (message) => void child.send(message),
    stdout: child.stdout,
    stop: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Sends a message from a child to who started it. */
export function report(message: object): void {
  process.send?.(message)
}

/** The most memory that this process held resident so far. */
export const peakMegabytes = (): number => process.resourceUsage().maxRSS / 1000
