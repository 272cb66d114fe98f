/** What a request for a page needs: the language, the state, and links. */
import type { Context } from 'hono'
import { answering, type Serving } from '../../checks/serving.ts'
import type { Answering } from '../../checks/update-check.ts'
import { readStatus, type Status } from '../status.ts'
import { chooseWords } from './words.ts'
import type { Words } from './words-en.ts'

/** What a page is made from. */
export interface PageContext {
  readonly c: Context
  readonly serving: Serving
  readonly service: Answering
  readonly status: Status
  readonly words: Words
  /** A link within this deployment, that stays in the chosen language. @param path with its first "/". */
  readonly link: (path: string, query?: Readonly<Record<string, string>>) => string
}

/** Reads what every page needs. */
export async function page(serving: Serving, c: Context): Promise<PageContext> {
  const service = answering(serving, c)
  const chosen = c.req.query('lang')
  const words = chooseWords(chosen, c.req.header('accept-language'))
  const base = basePath(serving)
  const link: PageContext['link'] = (path, query = {}) => {
    const search = new URLSearchParams({
      ...query,
      ...(chosen === words.tag && !('lang' in query) && { lang: chosen }),
    })
    return base + path + (search.size === 0 ? '' : `?${search}`)
  }
  return { c, serving, service, status: await readStatus(service), words, link }
}

/** The path of the public URL: a proxy in front removes it. */
const basePath = ({ publicUrl }: Serving): string => new URL(publicUrl).pathname.replace(/\/$/, '')

/**
 * Where machines reach this deployment, for their configuration.
 * @returns `undefined` where only the place of packages is known.
 */
export const ownUrl = ({ publicUrl, packagesUrl }: Serving): string | undefined =>
  publicUrl === packagesUrl ? undefined : publicUrl
