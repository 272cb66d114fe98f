/** Commands as an operator types them into bash, in an empty folder, in which `payload TEXT` prints a payload. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { inject } from 'vitest'

/** As `payloadText`. */
const payload = String.raw`#!/bin/sh
octal() { printf '\\%03o' "$1"; }
n=$(printf %s "$1" | wc -c)
printf "CrAU\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0$(octal $((n + 4)))J$(octal $((n + 2)))\022$(octal "$n")%s" "$1"
`

/** What serves, reads or writes streams, or prints help is a process of its own; the rest is for `resident.ts`. */
const platte = (calls: string): string => String.raw`#!/bin/bash
case " $* " in
  ' serve '* | ' start '* | ' export '* | ' -'* | ' help '* | '  ' | *' - '* | *' /dev/stdin '*)
    exec "${process.execPath}" "${inject('cli')}" "$@" ;;
esac
call=$(mktemp -d "${calls}.XXXXXX")
mkfifo "$call/done"
printf '%s\0' "$PWD" "$@" > "$call/words"
env -0 > "$call/env"
echo "$call" > "${calls}"
read -r status < "$call/done"
for part in "$call"/[0-9]*; do
  case $part in
    *.1) cat "$part" ;;
    *.2) cat "$part" >&2 ;;
  esac
done
exit "$status"
`

let started: string | undefined

/** Starts it once for all places. @returns its FIFO. */
function startResident(): string {
  if (started !== undefined) return started
  const folder = mkdtempSync(join(tmpdir(), 'platte-resident-'))
  started = join(folder, 'calls')
  execFileSync('mkfifo', [started])
  // It ends, and removes its folder, when its stdin does.
  const child = spawn(process.execPath, [join(import.meta.dirname, 'resident.ts'), started], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
  return started
}

/** For hangs, not for speed. */
const timeout = 300_000

export interface Place {
  /** Variables of the commands to come. A printed PLATTE_ROOT=… is kept in it. */
  readonly env: Record<string, string | undefined>
  /** @param command for bash. @returns what it printed, without what differs from run to run. */
  run(command: string): { readonly stdout: string; readonly stderr: string; readonly status: number | null }
  remove(): void
}

export function openPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'platte-scene-'))
  const bin = join(folder, '.bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'platte'), platte(startResident()))
  writeFileSync(join(bin, 'payload'), payload)
  for (const name of ['platte', 'payload']) chmodSync(join(bin, name), 0o755)
  const env: Place['env'] = { PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: folder, NO_COLOR: '1' }
  return {
    env,
    run(command) {
      const how = { cwd: folder, env, timeout, encoding: 'utf8' } as const
      const { stdout, stderr, status } = spawnSync('bash', ['-c', command], how)
      const pin = /^PLATTE_ROOT=(.*)$/m.exec(stdout)?.[1]
      if (pin) env.PLATTE_ROOT = pin
      return { stdout: normalise(stdout), stderr: normalise(stderr), status }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const normalise = (text: string): string =>
  text
    .replace(/\b[0-9a-f]{64}\b/g, '<hex>')
    .replace(/\b[0-9a-f]{40}\b/g, '<hex>')
    .replace(/(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])/g, '<key>')
    .replace(/(?<=(?:keys? of|at hand:|signed by|key|, ) ?)[A-Za-z0-9_-]{8}(?=[,;…\n]|$)/g, '<key>')
    .replace(/\d{4}-\d\d-\d\d(T[\d:.]+Z| \d\d:\d\d(:\d\d)? UTC)/g, '<instant>')
    .replace(/\d{4}-\d\d-\d\d/g, '<day>')
