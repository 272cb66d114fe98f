/** URLs in settings. Each reader throws an Error that says what is wrong and repeats no secret. */

/** A setting as messages repeat it: without options, and without what stands before an "@", which may be a secret. */
export const shown = (text: string): string =>
  JSON.stringify(
    text
      .replace(/[?#].*/s, '')
      .replace(/^.*@/s, '…@')
      .slice(0, 200),
  )

/** Reads a URL that clients use. @returns it without a "/" at the end. */
export function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.username || url?.password) throw new Error('holds credentials: use a public URL without them')
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || /[?#]/.test(url.href))
    throw new Error(`${shown(text)} is not a plain http(s) URL, such as https://updates.example.org`)
  return url.href.replace(/\/+$/, '')
}

/** Reads the URL of a store or an upstream. @returns it with a "/" at the end. */
export function parseStoreUrl(text: string): string {
  if (/^[^/]*\/\/[^/?]*@/.test(text)) throw new Error('holds credentials: an upstream is read without them')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.search || url.hash)
    throw new Error(`${shown(text)} is not a plain http(s) URL, such as https://updates.example.org/`)
  return url.href.replace(/\/*$/, '/')
}
