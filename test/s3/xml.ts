/** What S3 says, in its XML. */

/** A request that S3 refuses. */
export class S3Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly more: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    more: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.more = more
    this.headers = headers
  }
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
}

/** An element. Lists are elements of one name; text is escaped. */
export type Content = string | readonly (readonly [name: string, content: Content])[]

const render = (content: Content): string =>
  typeof content === 'string'
    ? content.replace(/[&<>"\r]/g, (character) => escapes[character] ?? '')
    : content.map(([name, inner]) => `<${name}>${render(inner)}</${name}>`).join('')

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** An answer. */
export const xml = (root: string, content: Content): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${namespace}">${render(content)}</${root}>`

/** The body of a refusal. */
export const errorXml = ({ code, message, more }: S3Refusal, requestId: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${render([
    ['Code', code],
    ['Message', message],
    ...Object.entries(more),
    ['RequestId', requestId],
    ['HostId', 'c3RyaWN0'],
  ])}</Error>`
