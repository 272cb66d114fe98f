/** The table of docs/settings.md is made from the settings themselves; UPDATE=1 rewrites it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { memberOf, type Setting } from '../../src/kernel/setting.ts'
import { settingRows } from '../../src/runtime/settings.ts'

const page = 'docs/settings.md'
const [begin, end] = ['<!-- settings:begin -->\n', '<!-- settings:end -->']

const cells = (row: Setting): readonly string[] => [
  `\`${row.variable}\``,
  row.flag ? `\`${row.flag.replace(/ .*/, '')}\`` : '',
  `\`${memberOf(row)}\``,
  row.page ? `${row.doc} ([more](${row.page}))` : row.doc,
  row.unset,
]

const lineOf = (texts: readonly string[]): string => `| ${texts.join(' | ')} |\n`

test('docs/settings.md has every setting', () => {
  const rows = settingRows.map(([, row]) => lineOf(cells(row)))
  const table = [lineOf(['variable', 'flag', 'platte.toml', 'what', 'without it']), '|---|---|---|---|---|\n', ...rows]
  const text = readFileSync(page, 'utf8')
  const made = `${text.slice(0, text.indexOf(begin))}${begin}${table.join('')}${text.slice(text.indexOf(end))}`
  if (process.env.UPDATE) writeFileSync(page, made)
  expect(readFileSync(page, 'utf8')).toBe(made)
})

test('names are told apart, in flags and in platte.toml too', () => {
  const rows = settingRows.map(([, row]) => row)
  const namesOf = [({ variable }: Setting) => variable, memberOf, ({ flag }: Setting) => flag?.replace(/ .*/, '')]
  for (const nameOf of namesOf) {
    const names = rows.map(nameOf).filter((name) => name !== undefined)
    expect(new Set(names).size).toBe(names.length)
  }
})
