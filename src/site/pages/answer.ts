/** The routes of the pages. Loaded at the first request for one: checks do not need them. */
import type { Context } from 'hono'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import type { Serving } from '../../checks/serving.ts'
import { keyOfUrlPath } from '../../documents/paths.ts'
import { refuseMethod } from '../../http/problem.ts'
import { groupOf } from '../../kernel/group.ts'
import { answerAtom } from '../atom.ts'
import { answerChannelJson, answerChannels, answerReleasesJson, answerVersionFile } from '../feeds.ts'
import { answerChannel, notFound } from './channel.ts'
import { answerConfig, answerExplainPage } from './forms.ts'
import { answerHome } from './home.ts'
import { type PageContext, readPageContext } from './page.ts'
import { icon, iconPath, style, stylePath } from './style.ts'

type Answer = (page: PageContext, ...names: [string, string, string]) => Promise<Response>

/** Each group is one segment of the path; an alias of 128 characters may have nine times as many there. */
export const pageRoutes: readonly (readonly [RegExp, Answer])[] = [
  [/^\/$/, answerHome],
  [/^\/channels\/([^/]{1,64})\/([^/]{1,1200})\/?$/, answerChannel],
  [/^\/explain\/?$/, answerExplainPage],
  [/^\/client-config\/?$/, answerConfig],
  [/^\/v1\/channels\/?$/, answerChannels],
  [/^\/v1\/channels\/([^/]{1,64})\/([^/]{1,1200})$/, answerChannelJson],
  [/^\/channels\/([^/]{1,64})\/([^/]{1,1200})\/feed\.atom$/, answerAtom],
  [/^\/releases-json\/releases-([^/]{1,1200})\.json$/, answerReleasesJson],
  [/^\/([^/]{1,64})\/([^/]{1,64})\/([^/]{1,64})\/version\.txt$/, answerVersionFile],
]

const files: ReadonlyMap<string, readonly [type: string, text: string]> = new Map([
  [stylePath, ['text/css; charset=utf-8', style]],
  [iconPath, ['image/svg+xml', icon]],
])

/** @returns `undefined` for a path that is not a page. */
export async function answerPages(serving: Serving, c: Context): Promise<Response | undefined> {
  const { method } = c.req
  const path = keyOfUrlPath(c.req.path)
  const found = files.get(path)
  const route = pageRoutes.find(([form]) => form.test(path))
  if (found === undefined && route === undefined) return undefined
  if (method !== 'GET' && method !== 'HEAD') return refuseMethod(c, 'GET, HEAD')
  if (found) return file(...found)
  const [first = '', second = '', third = ''] = (route?.[0].exec(path) ?? []).slice(1).map(decoded)
  await compareTags(c, async () => {
    c.res = await route?.[1](await readPageContext(serving, c), first, second, third)
  })
  return c.res
}

/** A page for people who ask for HTML, as browsers do. Programs get a problem document. */
export async function answerNotFound(serving: Serving, c: Context): Promise<Response | undefined> {
  const { method } = c.req
  const isForPeople = /\btext\/html\b/.test((c.req.header('accept') ?? '').slice(0, 1000))
  return isForPeople && (method === 'GET' || method === 'HEAD')
    ? notFound(await readPageContext(serving, c))
    : undefined
}

/** @returns a name as clients write it; a segment that is not UTF-8 is no name. */
function decoded(segment: string): string {
  try {
    return groupOf(decodeURIComponent(segment))
  } catch {
    return segment
  }
}

/** Answers 304 with the headers of the page. */
const compareTags = etag({
  retainedHeaders: [
    ...[...RETAINED_304_HEADERS, 'access-control-allow-origin', 'last-modified', 'content-language'],
    ...['content-security-policy', 'referrer-policy', 'x-content-type-options'],
  ],
})

const file = (type: string, text: string): Response =>
  new Response(text, {
    headers: {
      'content-type': type,
      'cache-control': 'public, max-age=31536000, immutable, no-transform',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'",
    },
  })
