/** What an update URL offers, in one shape for both dialects. */
import * as v from 'valibot'
import { codebase } from '../documents/board.ts'
import * as field from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import type { Install } from '../release/channel.ts'
import { plainUrl as parsePlainUrl } from '../url-files/ask.ts'

/** In bytes. */
const maxPackageSize = 16 * 1024 ** 3
const maxUrls = 10

/** A package as it is announced. */
interface Announced {
  readonly name: string
  /** In bytes. */
  readonly size?: number
  /** In lower-case hex. */
  readonly sha256?: string
  readonly install?: Install
}

/** The newest release. */
export interface UrlOffer {
  readonly version: string
  /** Folders of its packages; whole URLs of its one package where `areFiles`. */
  readonly codebases: readonly string[]
  readonly areFiles?: true
  readonly packages: readonly [Announced, ...Announced[]]
}

/** The status of the app or its check: `ok`, `noupdate` or `error-…`. */
export type UrlAnswer = Readonly<{ status: 'ok'; offer: UrlOffer } | { status: string; offer?: never }>

export const maybe = v.exactOptional
export const status = v.pipe(v.string(), v.maxLength(100))
export const sha256 = v.pipe(
  v.string(),
  v.transform((text) => text.toLowerCase()),
  v.regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex'),
)
export const size = v.pipe(
  v.number('must be a number of bytes'),
  v.integer('must be a number of bytes'),
  v.minValue(1, 'must be a number of bytes'),
  v.maxValue(maxPackageSize, `must be at most ${maxPackageSize} bytes`),
)
export const version = field.publishedVersion
export const plainUrl = v.pipe(
  v.string(),
  v.maxLength(2000),
  v.check((text) => parsePlainUrl(text) !== undefined, 'must be an http(s) URL without credentials and fragment'),
)
export const urls = v.pipe(v.array(plainUrl), v.minLength(1, 'names no URL'), v.maxLength(maxUrls))

type File = Omit<Announced, 'name'> & Readonly<{ version: string; urls: readonly string[] }>

/**
 * The offer of one package by its URLs, which must name the same file.
 * @throws PlatteError('bad-document') for a URL whose last part is no name of a file.
 */
export function offerOf({ version, urls, size, sha256, install }: File): UrlOffer {
  const places = urls.map((url, i) => {
    const { origin, pathname, search } = new URL(url)
    const cut = pathname.lastIndexOf('/') + 1
    return { name: nameOf(pathname.slice(cut), `urls.${i}`), folder: origin + pathname.slice(0, cut), search }
  })
  const [{ name = '' } = {}] = places
  const packages = [{ name, ...defined({ size, sha256, install }) }] as const
  const folders = places.map(({ folder }) => folder)
  const areFolders = places.every((one) => one.search === '' && one.name === name) && v.is(v.array(codebase), folders)
  return areFolders ? { version, codebases: folders, packages } : { version, codebases: urls, areFiles: true, packages }
}

/** @throws PlatteError('bad-document') for what could be another place than a file in a folder. */
export function nameOf(text: string, where: string): string {
  const name = decoded(text)
  if (field.isPackage(name)) return name
  throw new PlatteError(
    'bad-document',
    `the answer: ${where}: ${JSON.stringify(name.slice(0, 80))} is no name of a file`,
  )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** @throws PlatteError('mismatch') for an answer about other apps. */
export function requireApp<T extends Readonly<{ appid: string }>>(apps: readonly T[], app: string): T {
  const plain = (id: string): string => id.replace(/^\{(.*)\}$/, '$1').toLowerCase()
  const found = apps.find(({ appid }) => plain(appid) === app)
  if (found) return found
  const [first] = apps
  if (first === undefined) throw new PlatteError('bad-document', 'the answer has no app')
  throw new PlatteError('mismatch', `the answer: app: is about ${JSON.stringify(first.appid)}, not about ${app}`)
}
