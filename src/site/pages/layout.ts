/** The frame of every page, its headers, and its warnings. */
import { raw } from 'hono/html'
import type { Problem } from '../../catalog/channels.ts'
import { textDigest } from '../../kernel/digest.ts'
import { filled, type Html, none, part, time } from './fragments.ts'
import type { PageContext } from './page-context.ts'
import { iconPath, stylePath } from './style.ts'
import type { Words } from './words-en.ts'

const sections = [
  ['channels', '/'],
  ['explain', '/explain'],
  ['config', '/client-config'],
] as const

/** No script, no frame, nothing of another host. */
const policy =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** In caches. Each cache on the way delays a change by that much. */
const maxAgeSeconds = 10

/** Tabs and lists of results show no more. */
const maxTitle = 60

interface Head {
  readonly title: string
  readonly section: (typeof sections)[number][0]
  readonly feed?: string
  readonly status?: 200 | 400 | 404
}

export function answerPage(page: PageContext, head: Head, content: Html): Response {
  const { words } = page
  const body = renderPage(page, head, content).toString()
  const status = head.status ?? 200
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-language': words.lang,
    'cache-control': status === 200 ? `public, max-age=${maxAgeSeconds}, no-transform` : 'no-store',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    vary: 'accept-language',
    etag: `"${textDigest(body)}"`,
  }
  return new Response(body, { status, headers })
}

function renderPage(page: PageContext, { title, section, feed }: Head, content: Html): Html {
  const { words, link, fileLink, serving } = page
  const links = sections
    .filter(([name]) => name !== 'explain' || serving.explain)
    .map(([name, path]) => {
      const current = name === section ? raw(' aria-current="page"') : none
      return part`<li><a href="${link(path)}"${current}>${words.nav[name]}</a></li>\n`
    })
  return part`<!DOCTYPE html>
<html lang="${words.lang}">
<head>
<meta charset="utf-8">
<title>${title.slice(0, maxTitle)} · Platte</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="${fileLink(stylePath)}">
<link rel="icon" type="image/svg+xml" href="${fileLink(iconPath)}">
${feed ? part`<link rel="alternate" type="application/atom+xml" title="${title}" href="${fileLink(feed)}">\n` : none}</head>
<body>
<a class="skip" href="#content">${words.nav.skip}</a>
<header>
<a class="mark" href="${link('/')}">Platte</a>
<nav aria-label="${words.nav.label}"><ul>
${links}<li><a lang="${words.nav.otherLang}" hreflang="${words.nav.otherLang}" href="${otherLanguage(page)}">${words.nav.other}</a></li>
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

function otherLanguage({ c, words, link }: PageContext): string {
  const query = Object.fromEntries(Object.entries(c.req.query()).map(([name, text]) => [name, text.slice(0, 256)]))
  return link(c.req.path, { ...query, lang: words.nav.otherTag })
}

function footer({ status: { state, now }, words }: PageContext): Html {
  if (state === undefined) return none
  return part`<p>${filled(words.footer, time(state.catalog.issuedAtMs, now, words))}</p>`
}

export function trouble({ status: { problem, problems, state }, words: { trouble, ...words } }: PageContext): Html {
  if (problem === undefined && problems.length === 0) return none
  const list = problems.map((one) => part`<li lang="en">${one}</li>\n`)
  if (problem === undefined)
    return part`<section class="note" aria-label="${trouble.attention}"><h2>${trouble.attention}</h2><ul>${list}</ul></section>`
  return part`<section class="note bad" role="alert"><h2>${trouble.heading}${words.colon}${words.reasons[problem.reason]}</h2>
<p>${remedy(problem, trouble)}</p><ul>${list}</ul>${state ? part`<p>${trouble.stale}</p>` : none}</section>`
}

export const channelTrouble = (problem: Problem, { trouble, colon, reasons }: Words): Html =>
  part`<section class="note bad" role="alert"><h2>${trouble.channel}${colon}${reasons[problem.reason]}</h2>
<p>${remedy(problem, trouble)}</p></section>`

const remedy = ({ reason }: Problem, { remedies }: Words['trouble']): string =>
  reason in remedies ? remedies[reason as keyof typeof remedies] : remedies.other
