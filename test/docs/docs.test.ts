/** Holds what the documents say of the repository: links, paths, names of functions, codes and reasons. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorCodes } from '../../src/kernel/errors.ts'
import { reasonSentences } from '../../src/release/decide.ts'

const read = (file: string): string => readFileSync(file, 'utf8')
const pages = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** A text without its fenced blocks. */
const prose = (text: string): string => text.replace(/^ *```[\s\S]*?^ *```$/gm, '')

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

const anchorsOf = (file: string): string[] =>
  [...prose(read(file)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading))

interface Link {
  readonly page: string
  readonly to: string
}

const links: Link[] = pages.flatMap((page) =>
  [...prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, to = '']) => ({ page, to }))
    .filter(({ to }) => !/^[a-z]+:/.test(to)),
)
const targetOf = ({ page, to }: Link): string => normalize(join(dirname(page), to.split('#')[0] ?? ''))

function isBroken(link: Link): boolean {
  const [path = '', anchor] = link.to.split('#')
  const file = path === '' ? link.page : targetOf(link)
  return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor))
}

/** The cells of each row of the tables below a heading. */
function rowsBelow(file: string, heading: string): string[][] {
  const [, after = ''] = read(file).split(`\n## ${heading}\n`)
  const [section = ''] = after.split(/^## /m)
  const rows = [...section.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split(' | '))
  return rows.filter((cells) => !/^-+$/.test(cells[0] ?? ''))
}

const codesIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

describe('documents', () => {
  test('every link resolves', () => {
    expect(links.length).toBeGreaterThan(60)
    expect(links.filter(isBroken)).toEqual([])
  })

  test('every path mentioned exists', () => {
    const named = pages
      .filter((page) => page !== 'CHANGELOG.md')
      .flatMap((page) => codesIn(prose(read(page))).map((code) => ({ page, path: code.split(' ')[0] ?? '' })))
      .filter(({ path }) => /^(src|test|infra|docs|\.ci)\/[\w./-]*$/.test(path))
    expect(named.length).toBeGreaterThan(60)
    expect(named.filter(({ path }) => !existsSync(path))).toEqual([])
  })

  test('README links to every page, and the index to every decision', () => {
    const fromReadme = links.filter(({ page }) => page === 'README.md').map(targetOf)
    const all = readdirSync('docs').filter((name) => name.endsWith('.md'))
    expect(all.filter((name) => !fromReadme.includes(`docs/${name}`))).toEqual([])
    const fromIndex = links.filter(({ page }) => page === 'docs/adr/README.md').map(targetOf)
    const decisions = readdirSync('docs/adr').filter((name) => name !== 'README.md')
    expect(decisions.filter((name) => !fromIndex.includes(`docs/adr/${name}`))).toEqual([])
  })

  test('"Rooms" names every room', () => {
    const named = rowsBelow('docs/design.md', 'Rooms').flatMap(([first = '']) => codesIn(first))
    expect(named.toSorted()).toEqual(readdirSync('src').toSorted())
  })

  test('"Where is what" lists existing files and their exports', () => {
    const rows = rowsBelow('docs/design.md', 'Where is what').slice(1)
    expect(rows.length).toBeGreaterThan(30)
    const wrong = rows.flatMap(([question, path = '', names = '']) => {
      const file = codesIn(path)[0] ?? ''
      if (!existsSync(file)) return [`${question}: ${file}`]
      const source = read(file)
      const isDeclared = (name: string) =>
        new RegExp(`\\b(function\\*?|const|class|interface|type) ${name}\\b`).test(source)
      return codesIn(names)
        .filter((name) => !isDeclared(name))
        .map((name) => `${question}: ${file} has no ${name}`)
    })
    expect(wrong).toEqual([])
    expect(rows.filter(([, , names = '']) => codesIn(names).length === 0)).toEqual([])
  })

  test.each([
    ['code', 'Errors by code', errorCodes],
    ['reason', 'A machine gets no update', Object.keys(reasonSentences)],
  ])('troubleshooting explains every %s', (_, heading, members) => {
    expect(members.length).toBeGreaterThan(10)
    const explained = rowsBelow('docs/troubleshooting.md', heading).flatMap(([first = '']) => codesIn(first))
    expect(explained.toSorted()).toEqual([...members].toSorted())
  })

  test('troubleshooting quotes the texts of the code', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(join('src', name)))
      .join('\n')
    const quoted = ['Messages', 'Publishing from CI', 'Reboot locks'].flatMap((heading) =>
      rowsBelow('docs/troubleshooting.md', heading).flatMap(([first = '']) => codesIn(first)),
    )
    expect(quoted.length).toBeGreaterThan(25)
    const fragments = quoted.flatMap((text) => text.split('…').filter((part) => part.trim().length > 3))
    expect(fragments.filter((part) => !sources.includes(part.trim()))).toEqual([])
  })

  test('use plain words', () => {
    const riddles = /\b(whoever|so long as|is told|that is none|is so|holds good|may not be had|foretold|as it is)\b/gi
    const found = pages.flatMap((page) => [...prose(read(page)).matchAll(riddles)].map(([word]) => `${page}: ${word}`))
    expect(found).toEqual([])
  })
})
