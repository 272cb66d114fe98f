/** The table of docs/settings.md comes from the settings; its links and its last column are written there. UPDATE=1 rewrites it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { memberOf, type Setting } from '../../src/kernel/setting.ts'
import { settingRows } from '../../src/runtime/settings.ts'

const page = 'docs/settings.md'
const [begin, end] = ['<!-- settings:begin -->\n', '<!-- settings:end -->']

/** What the page itself says of a setting: a link to more, and what holds without it. */
function ownWords(text: string, { variable }: Setting): readonly [link: string, unset: string] {
  const line = text.split('\n').find((one) => one.startsWith(`| \`${variable}\` |`)) ?? ''
  const [, link = '', unset = ''] = /( \(\[more\]\(\S+\)\))? \| ([^|]*) \|$/.exec(line) ?? []
  return [link, unset]
}

const cells = (row: Setting, [link, unset]: readonly [string, string]): readonly string[] => [
  `\`${row.variable}\``,
  row.flag ? `\`${row.flag.replace(/ .*/, '')}\`` : '',
  `\`${memberOf(row)}\``,
  row.doc + link,
  unset,
]

const lineOf = (texts: readonly string[]): string => `| ${texts.join(' | ')} |\n`

test('docs/settings.md has every setting', () => {
  const text = readFileSync(page, 'utf8')
  const rows = settingRows.map(([, row]) => lineOf(cells(row, ownWords(text, row))))
  for (const [, row] of settingRows)
    expect(ownWords(text, row)[1], `${row.variable}: what holds without it`).not.toBe('')
  const table = [lineOf(['variable', 'flag', 'platte.toml', 'what', 'without it']), '|---|---|---|---|---|\n', ...rows]
  const made = `${text.slice(0, text.indexOf(begin))}${begin}${table.join('')}${text.slice(text.indexOf(end))}`
  if (process.env.UPDATE) writeFileSync(page, made)
  expect(readFileSync(page, 'utf8')).toBe(made)
})

test('names are distinct in flags and in platte.toml, too', () => {
  const rows = settingRows.map(([, row]) => row)
  const namesOf = [({ variable }: Setting) => variable, memberOf, ({ flag }: Setting) => flag?.replace(/ .*/, '')]
  for (const nameOf of namesOf) {
    const names = rows.map(nameOf).filter((name) => name !== undefined)
    expect(new Set(names).size).toBe(names.length)
  }
})
