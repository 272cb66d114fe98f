/** What a request for a page needs; the frame of every page, its headers, and its warnings. */
import type { Context } from 'hono'
import { raw } from 'hono/html'
import { parseAccept } from 'hono/utils/accept'
import type { Problem } from '../../catalog/channels.ts'
import { answering, hasFeature, type Serving } from '../../checks/serving.ts'
import type { Answering } from '../../checks/update-check.ts'
import { textDigest } from '../../kernel/digest.ts'
import { readStatus, type Status } from '../status.ts'
import { filled, type Html, type Linked, none, part, type Shown, time } from './fragments.ts'
import { iconPath, stylePath } from './style.ts'
import { english, type Words } from './words-en.ts'
import { chinese } from './words-zh.ts'

export interface PageContext extends Shown, Linked {
  readonly c: Context
  readonly serving: Serving
  readonly service: Answering
  readonly status: Status
  /** A link to a file, which has no language. */
  readonly fileLink: (path: string) => string
}

export async function readPageContext(serving: Serving, c: Context): Promise<PageContext> {
  const service = answering(serving, c)
  const chosen = c.req.query('lang')
  const words = chooseWords(chosen, c.req.header('accept-language'))
  // A proxy in front removes the path of the public URL.
  const base = new URL(serving.publicUrl).pathname.replace(/\/$/, '')
  const fileLink = (path: string): string => base + path
  const link: PageContext['link'] = (path, query = {}) => {
    const lang = chosen === words.tag && !('lang' in query) ? { lang: chosen } : {}
    const search = new URLSearchParams({ ...query, ...lang })
    return fileLink(path) + (search.size === 0 ? '' : `?${search}`)
  }
  const status = await readStatus(service)
  return { c, serving, service, status, now: status.now, words, link, fileLink }
}

/** Longer than any browser's header. */
const maxHeaderLength = 200

/** The language of `?lang=`, else the first known one of Accept-Language, else English. */
function chooseWords(parameter: string | undefined, accept: string | undefined): Words {
  const accepted = parseAccept((accept ?? '').slice(0, maxHeaderLength)).filter(({ q }) => q > 0)
  const tags = [parameter ?? '', ...accepted.map(({ type }) => type)].map((tag) => tag.toLowerCase().split('-')[0])
  const found = tags.find((tag) => tag === english.tag || tag === chinese.tag)
  return found === chinese.tag ? chinese : english
}

const sections = {
  channels: '/',
  explain: '/explain',
  config: '/client-config',
  fleet: '/fleet',
  locks: '/locks',
} as const
type Section = keyof typeof sections

const isShown = (name: Section, serving: Serving): boolean =>
  hasFeature(serving, name === 'fleet' || name === 'locks' ? `${name}-site` : 'site') &&
  (name !== 'explain' || !!serving.explain)

/** No script, no frame, nothing of another host. */
const policy =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** In caches. Each cache on the way delays a change by that much. */
export const maxAgeSeconds = 10

/** Browser tabs and search results truncate longer titles. */
const maxTitle = 60

interface Head {
  readonly title: string
  /** `none`: it is no page of this deployment, and its path is anybody's. */
  readonly section: Section | 'none'
  readonly feed?: string
  readonly status?: 200 | 400 | 401 | 404 | 409 | 429
  /** Instead of that of public pages. */
  readonly sheet?: string
  readonly footer?: Html
  readonly headers?: Readonly<Record<string, string>>
}

export function answerPage(page: PageContext, head: Head, content: Html): Response {
  const body = renderPage(page, head, content).toString()
  const { status = 200 } = head
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-language': page.words.lang,
    'cache-control': status === 200 ? `public, max-age=${maxAgeSeconds}, no-transform` : 'no-store',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    vary: 'accept-language',
    etag: `"${textDigest(body)}"`,
    ...head.headers,
  }
  return new Response(body, { status, headers })
}

function renderPage(page: PageContext, { title, section, feed, sheet = stylePath, footer }: Head, content: Html): Html {
  const { words, link, fileLink, serving, c } = page
  const { catalog } = page.status.state ?? {}
  const names = (Object.keys(sections) as Section[]).filter((name) => isShown(name, serving))
  const links = names.map((name) => {
    const current = name === section ? raw(' aria-current="page"') : none
    return part`<li><a href="${link(sections[name])}"${current}>${words.nav[name]}</a></li>\n`
  })
  const query = Object.fromEntries(Object.entries(c.req.query()).map(([name, text]) => [name, text.slice(0, 256)]))
  // A path that begins with // would lead to another host.
  const translated = link(section === 'none' ? '/' : c.req.path, { ...query, lang: words.other.tag })
  return part`<!DOCTYPE html>
<html lang="${words.lang}">
<head>
<meta charset="utf-8">
<title>${title.slice(0, maxTitle)} · Platte</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="${fileLink(sheet)}">
<link rel="icon" type="image/svg+xml" href="${fileLink(iconPath)}">
${feed ? part`<link rel="alternate" type="application/atom+xml" title="${title}" href="${fileLink(feed)}">\n` : none}</head>
<body>
<a class="skip" href="#content">${words.skip}</a>
<header>
<a class="mark" href="${link(sections[names[0] ?? 'channels'])}">Platte</a>
<nav aria-label="${words.nav.label}"><ul>
${links}<li><a lang="${words.other.lang}" hreflang="${words.other.lang}" href="${translated}">${words.other.name}</a></li>
</ul></nav>
</header>
<main id="content">
${content}
</main>
<footer>
${footer ?? (catalog ? part`<p>${filled(words.footer, time(catalog.issuedAtMs, page))}</p>` : none)}
${hasFeature(serving, 'openapi') ? part`<p><a href="${fileLink('/openapi.json')}">OpenAPI</a></p>` : none}
</footer>
</body>
</html>
`
}

/** Why nothing at all is offered, or what an operator should check. */
export function trouble({ status: { problem, problems, state }, words }: PageContext): Html {
  const { heading, attention, stale } = words.trouble
  const list = problems.map((one) => part`<li lang="en">${one}</li>\n`)
  if (problem) return alarm(heading, problem, words, part`<ul>${list}</ul>${state ? part`<p>${stale}</p>` : none}`)
  if (problems.length === 0) return none
  return part`<section class="note" aria-label="${attention}"><h2>${attention}</h2><ul>${list}</ul></section>`
}

export const channelTrouble = (problem: Problem, words: Words): Html =>
  alarm(words.trouble.channel, problem, words, none)

function alarm(
  heading: string,
  { reason }: Problem,
  { trouble: { remedies }, colon, states }: Words,
  more: Html,
): Html {
  const remedy = reason in remedies ? remedies[reason as keyof typeof remedies] : remedies.other
  return part`<section class="note bad" role="alert"><h2>${heading}${colon}${states[reason]}</h2>
<p>${remedy}</p>${more}</section>`
}
