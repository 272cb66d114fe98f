/**
 * Terminal scenes: each file of test/cli/scenes is a transcript of bash in an empty folder (`play.ts`).
 *   $ command     run by bash; `platte` is the command line under test, and `payload TEXT` prints a payload that carries a
 *                 text; a printed PLATTE_ROOT=… is kept as a variable
 *   % NAME=value  a variable for the commands after it
 *   > line        stdout      ! line        stderr      = n         exit code
 * Keys, digests and instants are written as <key>, <hex> and <instant>. UPDATE=1 rewrites the files; review the diff.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openPlace, type Place } from './play.ts'

const scenes = join(import.meta.dirname, 'scenes')

const prefixed = (prefix: string, text: string): string[] =>
  text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => `${prefix} ${line}`.trimEnd())

/** Runs the commands of a scene and writes the scene that they make. */
function play(script: string, { env, run }: Place): string {
  const lines = script.split('\n').flatMap((line) => {
    if (/^[>!=]/.test(line)) return []
    const setting = /^% (\w+)=(.*)$/.exec(line)
    if (setting?.[1]) env[setting[1]] = setting[2]
    if (!line.startsWith('$ ')) return [line]
    const { stdout, stderr, status } = run(line.slice(2))
    return [line, ...prefixed('>', stdout), ...prefixed('!', stderr), `= ${status}`]
  })
  return lines.join('\n')
}

test.each(readdirSync(scenes))('%s', (name) => {
  const file = join(scenes, name)
  const script = readFileSync(file, 'utf8')
  const place = openPlace()
  try {
    const played = play(script, place)
    if (process.env.UPDATE) writeFileSync(file, played)
    expect(played).toBe(script)
  } finally {
    place.remove()
  }
})
