/** The frame of every page, and its headers. */
import { raw } from 'hono/html'
import { textDigest } from '../../kernel/digest.ts'
import { filled, type Html, none, part, time } from './fragments.ts'
import type { PageContext } from './page-context.ts'
import { iconPath, stylePath } from './style.ts'

/** Where in the navigation a page stands. */
export type Section = 'channels' | 'explain' | 'config'

const sections: readonly (readonly [Section, string])[] = [
  ['channels', '/'],
  ['explain', '/explain'],
  ['config', '/client-config'],
]

/** No script, no frame, nothing of another host; forms ask here. */
const policy =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Seconds in a cache. Each cache on the way delays a change by that much. */
const keptForSeconds = 10

/** Tabs and lists of results show no more of a title. */
const maxTitle = 60

/** A page beside its content. */
export interface Head {
  readonly title: string
  readonly section: Section
  /** Where the same is as a feed. */
  readonly feed?: string
  readonly status?: 200 | 400 | 404
}

/** Answers with a page and its tag. */
export function answerPage(page: PageContext, head: Head, content: Html): Response {
  const { words } = page
  const body = renderPage(page, head, content).toString()
  const status = head.status ?? 200
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-language': words.lang,
    'cache-control': status === 200 ? `public, max-age=${keptForSeconds}, no-transform` : 'no-store',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    vary: 'accept-language',
    etag: `"${textDigest(body)}"`,
  }
  return new Response(body, { status, headers })
}

function renderPage(page: PageContext, { title, section, feed }: Head, content: Html): Html {
  const { words, link } = page
  return part`<!DOCTYPE html>
<html lang="${words.lang}">
<head>
<meta charset="utf-8">
<title>${title.slice(0, maxTitle)} · Platte</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="${file(page, stylePath)}">
<link rel="icon" type="image/svg+xml" href="${file(page, iconPath)}">
${feed ? part`<link rel="alternate" type="application/atom+xml" title="${title}" href="${file(page, feed)}">\n` : none}</head>
<body>
<a class="skip" href="#content">${words.nav.skip}</a>
<header>
<a class="mark" href="${link('/')}">Platte</a>
<nav aria-label="${words.nav.label}"><ul>
${sections
  .filter(([name]) => name !== 'explain' || page.serving.explain)
  .map(
    ([name, path]) =>
      part`<li><a href="${link(path)}"${name === section ? raw(' aria-current="page"') : none}>${words.nav[name]}</a></li>\n`,
  )}<li><a lang="${words.nav.otherLang}" hreflang="${words.nav.otherLang}" href="${otherLanguage(page)}">${words.nav.other}</a></li>
</ul></nav>
</header>
<main id="content">
${content}
</main>
<footer>
${footer(page)}
</footer>
</body>
</html>
`
}

/** A path of what has no language. */
const file = (page: PageContext, path: string): string => page.link(path).split('?')[0] ?? path

/** This page with the same question in the other language. */
function otherLanguage({ c, words, link }: PageContext): string {
  const query = Object.fromEntries(Object.entries(c.req.query()).map(([name, text]) => [name, text.slice(0, 256)]))
  return link(c.req.path, { ...query, lang: words.nav.otherTag })
}

function footer({ status: { state, now }, words }: PageContext): Html {
  if (state === undefined) return none
  return part`<p>${filled(words.footer, time(state.catalog.issuedAtMs, now, words))}</p>`
}
