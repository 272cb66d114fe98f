/** What pages behind a token share: their headers, and bounds of lists. */
import type { Instant } from '../kernel/clock.ts'
import { isoText, visible } from '../kernel/format.ts'
import { atMost, filled, type Html, none, part, time } from '../site/pages/fragments.ts'
import { answerPage, type PageContext } from '../site/pages/page.ts'

/** Nobody else may see it, and nothing keeps it. */
const secret = { 'cache-control': 'no-store', vary: 'accept, accept-language, cookie' }

/** Of `toolBar`. */
export const toolStyle = `.tools{display:flex;flex-wrap:wrap;gap:.35rem 1.25rem;align-items:center;margin:.75rem 0 1rem}.tools form{display:block;margin-inline-start:auto}
button.quiet{background:none;color:var(--accent);padding:0;font-weight:400;text-decoration:underline;text-underline-offset:.15em}`

/** Links to the other pages, when this one is of, and the end of the session. */
export const toolBar = (
  page: PageContext,
  site: Of['section'],
  { asOf, out }: { readonly asOf: string; readonly out: string },
  links: readonly (readonly [to: string, name: string])[],
): Html =>
  part`<div class="tools">${links.map(([to, name]) => part`<a href="${to}">${name}</a>\n`)}<span class="soft small">${filled(asOf, time(page.now, page))}</span>
<form method="post" action="${page.link(`/${site}/logout`)}"><button class="quiet" type="submit">${out}</button></form></div>\n`

export interface PrivateFrame {
  readonly title: string
  readonly status?: 200 | 400 | 401 | 404 | 409 | 429
  readonly headers?: Readonly<Record<string, string>>
}

export type AnswerPrivate = (page: PageContext, frame: PrivateFrame, content: Html) => Response

interface Of {
  readonly section: 'fleet' | 'locks'
  /** The path of the style sheet. */
  readonly sheet: string
  readonly footer: string
}

export function answerPrivate(page: PageContext, frame: PrivateFrame & Of, content: Html): Response {
  const footer = part`<p>${frame.footer}</p>`
  return answerPage(page, { ...frame, footer, headers: { ...secret, ...frame.headers } }, content)
}

export const answerData = (data: object, status: number, now: Instant): Response =>
  Response.json({ at: isoText(now), ...data }, { status, headers: secret })

const numbers = new Intl.NumberFormat('en')
/** e.g. `12,345`. */
export const count = (n: number): string => numbers.format(n)

/** A text of a machine, as a client sent it. */
export const given = (text: string): string => visible(text)

/** How many of the first items fit: what machines send may be long, and pages are small. */
export function howManyFit(items: readonly Html[], bytes: number): number {
  let left = bytes
  const tooMany = items.findIndex((one) => {
    left -= new TextEncoder().encode(one.toString()).length
    return left < 0
  })
  return tooMany < 0 ? items.length : tooMany
}

/** The first items of a list, within a number of items and of bytes. @param rest makes the item that says how many are left out. */
export function fitting(
  items: readonly Html[],
  most: number,
  bytes: number,
  rest: (count: number) => Html = () => none,
) {
  return atMost(items, Math.min(most, howManyFit(items, bytes)), rest)
}
