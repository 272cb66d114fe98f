/**
 * docs/a-week.md, played: in its blocks marked `console`, `$ ` begins a command, which a "\\" at the end continues, and what
 * follows is its output. UPDATE=1 rewrites the outputs; review the diff.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { payloadText } from '../payloads.ts'
import { openPlace, type Place } from './play.ts'

const page = 'docs/a-week.md'

/** The commands of a block. */
const commandsOf = (block: string): readonly string[] =>
  block.match(/^\$ .*(?:(?<=\\)\n.*)*$/gm)?.map((one) => one.slice(2)) ?? []

function play(block: string, { env, run }: Place): string {
  const played = commandsOf(block).map((command) => {
    // Only what the page exports.
    delete env.PLATTE_ROOT
    const { stdout, status } = run(`touch .bin/exported; . .bin/exported
{ ${command}
} 2>&1
status=$?
export -p | grep PLATTE_ > .bin/exported
exit $status`)
    return `$ ${command}\n${stdout}${status === 0 ? '' : `(exit code ${status})\n`}`
  })
  return played.join('')
}

test('without a build, the page has a payload', () => {
  const [, functions = ''] = /^```sh\n(octal[\s\S]*?)^```$/m.exec(readFileSync(page, 'utf8')) ?? []
  const made = spawnSync('bash', ['-c', `${functions}payload 4593.1.0`], { encoding: 'utf8' })
  expect(made.stdout).toBe(payloadText('4593.1.0'))
})

test('a week goes as its page says', { timeout: 180_000 }, () => {
  const text = readFileSync(page, 'utf8')
  const place = openPlace()
  try {
    const played = text.replace(
      /^```console\n([\s\S]*?)^```$/gm,
      (_, block) => `\`\`\`console\n${play(block, place)}\`\`\``,
    )
    if (process.env.UPDATE) writeFileSync(page, played)
    expect(played).toBe(text)
    expect(played.match(/^\$ platte /gm)?.length).toBeGreaterThan(30)
  } finally {
    place.remove()
  }
})
