/** What a request for a page needs: the language, the state, and links. */
import type { Context } from 'hono'
import { parseAccept } from 'hono/utils/accept'
import { answering, type Serving } from '../../checks/serving.ts'
import type { Answering } from '../../checks/update-check.ts'
import { readStatus, type Status } from '../status.ts'
import { english, type Words } from './words-en.ts'
import { chinese } from './words-zh.ts'

export interface PageContext {
  readonly c: Context
  readonly serving: Serving
  readonly service: Answering
  readonly status: Status
  readonly words: Words
  /** A link within this deployment, in the chosen language. @param path with its first "/". */
  readonly link: (path: string, query?: Readonly<Record<string, string>>) => string
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
  return { c, serving, service, status: await readStatus(service), words, link, fileLink }
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

/**
 * Where machines reach this deployment, for their configuration.
 * @returns `undefined` where only the URL of packages is known.
 */
export const ownUrl = ({ publicUrl, packagesUrl }: Serving): string | undefined =>
  publicUrl === packagesUrl ? undefined : publicUrl
