/**
 * Terminal scenes: each file of test/cli/scenes is a transcript of real processes in an empty folder.
 *   $ command     run by bash; `platte` is the command line under test, and `payload TEXT` prints a payload that carries a
 *                 text; a printed PLATTE_ROOT=… is kept as a variable
 *   % NAME=value  a variable for the commands after it
 *   > line        stdout      ! line        stderr      = n         exit code
 * Keys, digests and instants are written as <key>, <hex> and <instant>. UPDATE=1 rewrites the files; review the diff.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, inject, test } from 'vitest'

const scenes = join(import.meta.dirname, 'scenes')
const main = inject('cli')

function normalise(text: string): string {
  return text
    .replace(/\b[0-9a-f]{64}\b/g, '<hex>')
    .replace(/\b[0-9a-f]{40}\b/g, '<hex>')
    .replace(/(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])/g, '<key>')
    .replace(/(?<=(?:keys? of|at hand:|signed by|key|, ) ?)[A-Za-z0-9_-]{8}(?=[,;…\n]|$)/g, '<key>')
    .replace(/\d{4}-\d\d-\d\d(T[\d:.]+Z| \d\d:\d\d(:\d\d)? UTC)/g, '<instant>')
    .replace(/\d{4}-\d\d-\d\d/g, '<day>')
}

const prefixed = (prefix: string, text: string): string[] =>
  text === ''
    ? []
    : normalise(text)
        .trimEnd()
        .split('\n')
        .map((line) => `${prefix} ${line}`.trimEnd())

/** As `payloadText`. */
const payload = String.raw`#!/bin/sh
octal() { printf '\\%03o' "$1"; }
n=$(printf %s "$1" | wc -c)
printf "CrAU\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0$(octal $((n + 4)))J$(octal $((n + 2)))\022$(octal "$n")%s" "$1"
`

/** Runs the commands of a scene and writes the scene that they make. */
function play(script: string, folder: string): string {
  const bin = join(folder, '.bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'platte'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`)
  writeFileSync(join(bin, 'payload'), payload)
  for (const name of ['platte', 'payload']) chmodSync(join(bin, name), 0o755)
  const env: Record<string, string | undefined> = {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    HOME: folder,
    NO_COLOR: '1',
  }
  const lines = script.split('\n').flatMap((line) => {
    if (/^[>!=]/.test(line)) return []
    const setting = /^% (\w+)=(.*)$/.exec(line)
    if (setting?.[1]) env[setting[1]] = setting[2]
    if (!line.startsWith('$ ')) return [line]
    const { stdout, stderr, status } = spawnSync('bash', ['-c', line.slice(2)], { cwd: folder, env, encoding: 'utf8' })
    const pin = /^PLATTE_ROOT=(.*)$/m.exec(stdout)?.[1]
    if (pin) env.PLATTE_ROOT = pin
    return [line, ...prefixed('>', stdout), ...prefixed('!', stderr), `= ${status}`]
  })
  return lines.join('\n')
}

test.each(readdirSync(scenes))('%s', (name) => {
  const file = join(scenes, name)
  const script = readFileSync(file, 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'platte-scene-'))
  try {
    const played = play(script, folder)
    if (process.env.UPDATE) writeFileSync(file, played)
    expect(played).toBe(script)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
