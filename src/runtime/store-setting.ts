/** PLATTE_STORE: where documents and packages are. */
import { parseStoreUrl, shown } from '../kernel/setting-urls.ts'
import type { S3Location } from '../store/s3/client.ts'

export type S3Setting = S3Location & { readonly kind: 's3' }

export type StoreSetting =
  | { readonly kind: 'file'; readonly dir: string }
  | S3Setting
  /** Another Platte or the public URL of a bucket, only read. It ends in "/". */
  | { readonly kind: 'http'; readonly url: string }

export const storeForms = 'file:DIR, s3://BUCKET/PREFIX or https://HOST/'

const holdsCredentials = 'holds credentials: for a bucket, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead'

/** @throws Error with the problem, for a message that names the variable. */
export function parseStore(text: string): StoreSetting {
  const [, kind = '', rest = ''] = /^([a-z0-9]+):(.*)$/.exec(text) ?? []
  if (kind !== 'file' && /^\/\/[^/?]*@/.test(rest)) throw new Error(holdsCredentials)
  if (kind === 'file' && rest !== '') return { kind, dir: rest.startsWith('//') ? rest.slice(2) : rest }
  if (kind === 's3') return parseS3(text)
  if (kind === 'https' || kind === 'http') return { kind: 'http', url: parseStoreUrl(text) }
  throw new Error(`${shown(text)} is no store: use ${storeForms}, such as file:/var/lib/platte`)
}

const s3Form = 's3://BUCKET/PREFIX?region=REGION&endpoint=URL&forcePathStyle=true'
const s3Options = ['endpoint', 'region', 'forcePathStyle']

function parseS3(text: string): S3Setting {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.hostname) || url.port || url.hash)
    throw new Error(`${shown(text)} names no bucket: use ${s3Form}`)
  const strange = [...url.searchParams.keys()].filter((name) => !s3Options.includes(name))
  if (strange.length > 0) throw new Error(`${shown(text)} has an unknown option ${strange[0]}: use ${s3Form}`)
  const [endpoint, region, style] = s3Options.map((name) => url.searchParams.get(name) ?? undefined)
  if (endpoint !== undefined) checkEndpoint(endpoint, shown(text))
  if (region !== undefined && !/^[A-Za-z0-9-]{1,63}$/.test(region))
    throw new Error(`${shown(text)}: region must be the name of a region, such as eu-central-1`)
  if (style !== undefined && style !== 'true' && style !== 'false')
    throw new Error(`${shown(text)}: forcePathStyle must be true or false`)
  const path = url.pathname.split('/').filter((part) => part !== '')
  if (!path.every((part) => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(part)))
    throw new Error(`${shown(text)}: a prefix is made of letters, digits, ".", "_", "-" and "/"`)
  const prefix = path.map((part) => `${part}/`).join('')
  return { kind: 's3', bucket: url.hostname, prefix, endpoint, region, forcePathStyle: style === 'true' }
}

function checkEndpoint(endpoint: string, text: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url?.username || url?.password) throw new Error(`${text}: its endpoint ${holdsCredentials}`)
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new Error(`${text}: endpoint must be an http(s) URL, such as https://s3.example.org`)
}
