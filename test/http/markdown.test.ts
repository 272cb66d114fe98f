import fc from 'fast-check'
import { SaxesParser } from 'saxes'
import { describe, expect, test } from 'vitest'
import { linkText } from '../../src/site/markdown/inline.ts'
import { renderMarkdown } from '../../src/site/markdown/markdown.ts'
import { rounds } from '../rounds.ts'

const maxLength = 12_000
const link = (url: string, text = url): string => `<a href="${url}" rel="noreferrer">${text}</a>`
const cve = (id: string): string => link(`https://www.cve.org/CVERecord?id=${id}`, id)
/** Line ends between blocks mean nothing. */
const flat = (html: string): string => html.replace(/>\n+/g, '>').replace(/\n+</g, '<')

test.each([
  [
    '# A\n\nb *c* **d** ***e*** `f`',
    '<h4>A</h4><p>b <em>c</em> <strong>d</strong> <em><strong>e</strong></em> <code>f</code></p>',
  ],
  ['a\n===\n\nb\n---\n\n## c ##\n\n***', '<h4>a</h4><h4>b</h4><h4>c</h4><hr />'],
  ['- a\n- b\n  - c\n    - d\n- e', '<ul><li>a</li><li>b<ul><li>c<ul><li>d</li></ul></li></ul></li><li>e</li></ul>'],
  ['3. a\n4. b\n\n5. c', '<ol start="3"><li><p>a</p></li><li><p>b</p></li><li><p>c</p></li></ol>'],
  ['> a\n> b\nlazy\n\nc', '<blockquote><p>a\nb\nlazy</p></blockquote><p>c</p>'],
  ['```sh\na <b>\n```\n\n    c\n\n    d', '<pre><code>a &lt;b&gt;</code></pre><pre><code>c\n\nd</code></pre>'],
  ['a\\\nb  \nc', '<p>a<br />b<br />c</p>'],
  ['*a **b** c* snake_case_name *a**b*', '<p><em>a <strong>b</strong> c</em> snake_case_name <em>a**b</em></p>'],
  ['~~a~~ `` a`b `` \\*c\\*', '<p><del>a</del> <code>a`b</code> *c*</p>'],
  [
    '[a](https://x.example "t") [b][C] [c]\n\n[c]: https://y.example',
    `<p>${link('https://x.example', 'a')} ${link('https://y.example', 'b')} ${link('https://y.example', 'c')}</p>`,
  ],
  ['*[a*](b) [a [b](c) d](e)', `<p>*${link('b', 'a*')} [a ${link('c', 'b')} d](e)</p>`],
  ['&amp; &#65; &copy; &unknown;', '<p>&amp; A © &amp;unknown;</p>'],
  [
    'see https://a.example/b_(c). <https://d.example>',
    `<p>see ${link('https://a.example/b_(c)')}. ${link('https://d.example')}</p>`,
  ],
  [
    'CVE-2026-31431, [CVE-2026-1000](https://x.example)',
    `<p>${cve('CVE-2026-31431')}, ${link('https://x.example', 'CVE-2026-1000')}</p>`,
  ],
  [
    '| a | `b` |\n|---|:-:|\n| c\\|d | *e* | f |\n| g',
    '<table><thead><tr><th>a</th><th><code>b</code></th></tr></thead><tbody><tr><td>c|d</td><td><em>e</em></td></tr><tr><td>g</td></tr></tbody></table>',
  ],
  ['a | b\n--|--|--\n', '<p>a | b\n--|--|--</p>'],
  [
    '![a](https://x.example/y.png) [![b](z.png)](https://w.example)',
    `<p>${link('https://x.example/y.png', 'a')} ${link('https://w.example', 'b')}</p>`,
  ],
  ['<b onclick="x">y</b>', '<p>&lt;b onclick=&quot;x&quot;&gt;y&lt;/b&gt;</p>'],
])('%j as HTML', (markdown, html) => {
  expect(flat(renderMarkdown(markdown))).toBe(html)
})

test.each([
  ...['javascript:x', 'JaVaScRiPt:x', 'javascript&#58;x', 'javascript\\:x', '<java\tscript:x>', 'data:text/html,x'],
  ...['vbscript:x', '<\u0001javascript:x>', 'file:///etc/passwd', 'blob:x', 'ssh://host'],
])('the target %j is not made a link', (target) => {
  for (const text of [`[a](${target})`, `[a]\n\n[a]: ${target}`, `![a](${target})`])
    expect(renderMarkdown(text)).not.toContain('<a ')
})

test('characters that reorder or hide text are written out, in any encoding', () => {
  for (const one of [...'\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u0008\u001b\u2028']) {
    const code = one.charCodeAt(0).toString(16).padStart(4, '0')
    expect(renderMarkdown(`a${one}b`)).toBe(`<p>a\\u${code}b</p>`)
    expect(renderMarkdown(`a&#x${code};b`)).toBe(`<p>a&amp;#x${code};b</p>`)
    expect(renderMarkdown(`[a](<https://x.example/&#x${code};>)`)).not.toContain(one)
  }
  expect(renderMarkdown('a&rlm;b')).toBe('<p>a&amp;rlm;b</p>')
})

test.each([
  ['see https://x.example/y, and CVE-2026-31431.', `see ${link('https://x.example/y')}, and ${cve('CVE-2026-31431')}.`],
  ['https://x.example/"onmouseover="y', `${link('https://x.example/')}&quot;onmouseover=&quot;y`],
  ['javascript:alert(1) <b> [a](b) xhttps://a CVE-26-1', 'javascript:alert(1) &lt;b&gt; [a](b) xhttps://a CVE-26-1'],
  ['https:// https://) (https://x.example)', `https:// https://) (${link('https://x.example')})`],
])('the reason %j has links for URLs and CVEs', (reason, html) => {
  expect(linkText(reason)).toBe(html)
})

const pieces = [
  ...[
    '*',
    '_',
    '**',
    '*_',
    'a**b',
    '***',
    '~~',
    '[',
    ']',
    '![',
    '](',
    '[a](',
    '[a](b)',
    '[a](<',
    '(',
    ')',
    '[a][b',
    '"',
  ],
  ...[
    '`',
    '``a`',
    '<',
    '<a',
    '<!--',
    '<http:',
    '<https://',
    '&',
    '&#',
    '&amp;',
    '\\',
    '\\\n',
    '> ',
    '>',
    '- ',
    '1. ',
    '# ',
  ],
  ...[
    '- > 1. ',
    '\n',
    '\n\n',
    '  \n',
    '    ',
    '\t',
    '|',
    'a|',
    '|-',
    '\n|-|-\n',
    ':-:|',
    '```\n',
    '~~~',
    '---\n',
    '===\n',
  ],
  ...[
    'a\n=\n',
    '[a]: b\n',
    '\n[x]: http://y\n',
    '[x]',
    'https://',
    'http://a',
    '...',
    'CVE-2026-1234',
    'CVE-',
    'a ',
    '版本',
  ],
  ...['\0', '\u202e', '😀', "'", '- a\n', '*\n', '    - a\n', ' '],
]
const filledWith = (piece: string): string => piece.repeat(maxLength / piece.length)
const steps = (line: (i: number) => string): string =>
  Array.from({ length: 500 }, (_, i) => line(i))
    .join('\n')
    .slice(0, maxLength)
const shaped: Readonly<Record<string, string>> = {
  'nested brackets': '['.repeat(maxLength / 2) + ']'.repeat(maxLength / 2),
  'nested emphasis': '*a '.repeat(maxLength / 6) + 'b*'.repeat(maxLength / 4),
  'runs of backticks': steps((i) => `${'`'.repeat(i)}a`),
  'deeper quotes': steps((i) => `${'>'.repeat(i)}a`),
  'deeper lists': steps((i) => `${' '.repeat(2 * i)}- a`),
  'lazy lines': `${'> '.repeat(100)}a\n${'a\n'.repeat(6000)}`.slice(0, maxLength),
  'wide table': `${'a|'.repeat(1500)}\n${'-|'.repeat(1500)}\n${'a|\n'.repeat(2000)}`.slice(0, maxLength),
  'many definitions': steps((i) => `[a${i}]: /b${i}`),
  'a long target of many': `[x]: ${'a'.repeat(3000)}\n\n${'[x]'.repeat(3000)}`,
  'blanks in a link': `[a](${' '.repeat(maxLength - 4)}`,
  'blanks in a heading': `# ${' a'.repeat(10)}${' '.repeat(maxLength - 22)}#`,
}
const worst = [...pieces.map((piece) => [piece, filledWith(piece)] as const), ...Object.entries(shaped)]
const anything = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 5 })), { minLength: 1, maxLength: 300 })
  .map((list) => filledWith(list.join('').slice(0, maxLength) || ' '))

/** CPU time in microseconds: other processes do not count, and the fastest of some rounds had the fewest pauses. */
function costOf(text: string): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    const before = process.cpuUsage()
    renderMarkdown(text)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return Math.max(least, 1)
}

describe('cost', () => {
  // Words, and a line end after every tenth.
  const plain = Array.from({ length: maxLength / 5 }, (_, i) => (i % 10 === 9 ? 'word\n' : 'word ')).join('')
  const bound = 100
  /** Up to 3 rounds, as a pause of the machine is no cost of the text. */
  const isCheap = (text: string): boolean => [1, 2, 3].some(() => costOf(text) < bound * costOf(plain))

  test('the worst documents cost at most 100 times as much as plain text of the same size', () => {
    for (let i = 0; i < 50; i++) renderMarkdown(plain)
    expect(worst.filter(([, text]) => !isCheap(text)).map(([name]) => name)).toEqual([])
  })

  test('random documents cost at most 100 times as much, too', () => {
    fc.assert(
      fc.property(anything, (text) => isCheap(text)),
      { numRuns: rounds(300) },
    )
  })

  test('a document four times as long takes at most eight times as long', () => {
    const isLinear = (text: string): boolean =>
      [1, 2, 3].some(() => costOf(text) < 8 * costOf(text.slice(0, maxLength / 4)) + 1000)
    expect(pieces.filter((piece) => !isLinear(filledWith(piece)))).toEqual([])
  })
})

describe('for any notes', () => {
  const allowed = /^(?:a|b|blockquote|br|code|del|em|h4|hr|li|ol|p|pre|strong|table|tbody|td|th|thead|tr|ul|x)$/

  function problemsOf(text: string): string[] {
    const html = renderMarkdown(text)
    const problems: string[] = html.length > 12 * text.length + 30_000 ? [`${html.length} characters`] : []
    const parser = new SaxesParser()
    let links = 0
    parser.on('error', ({ message }) => problems.push(message))
    parser.on('opentag', ({ name, attributes }) => {
      if (name === 'a' && links++ > 0) problems.push('a link in a link')
      if (!allowed.test(name)) problems.push(name)
      const { href = '', rel: _, start: __, ...others } = attributes as Record<string, string>
      if (/^[^/?#]*:/.test(href) && !/^(?:https?|mailto):/i.test(href)) problems.push(href)
      problems.push(...Object.keys(others))
    })
    parser.on('closetag', ({ name }) => {
      if (name === 'a') links--
    })
    // XML has no lone surrogates; pages and feeds remove them.
    parser.write(`<x>${html.toWellFormed().replace(/[\ufffe\uffff]/g, '')}</x>`).close()
    return problems
  }

  test('the HTML is well-formed, not much longer, and has no tag, attribute or link beyond those of Markdown', () => {
    expect(
      worst.flatMap(([name, text]) =>
        problemsOf(text)
          .slice(0, 1)
          .map((one) => [name, one]),
      ),
    ).toEqual([])
    fc.assert(
      fc.property(anything, (text) => {
        expect(problemsOf(text)).toEqual([])
      }),
      { numRuns: rounds(300) },
    )
  })
})
