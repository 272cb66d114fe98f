/** Holds requests and answers against a document of OpenAPI 3.1. */
import { Ajv2020 } from 'ajv/dist/2020.js'

interface Media {
  readonly schema: { readonly properties?: { readonly payload?: { readonly contentSchema?: Reference } } }
}

interface Reference {
  readonly $ref?: string
}

type Content = Readonly<Record<string, Media>>

interface Operation {
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, Reference & { readonly content?: Content }>>
}

const methods = ['get', 'post', 'put'] as const
type Methods = Readonly<Partial<Record<(typeof methods)[number], Operation>>>

type PathItem = Methods & {
  readonly parameters?: readonly { readonly name: string; readonly example?: string | number }[]
}

export interface Document {
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: { readonly responses: Readonly<Record<string, { readonly content?: Content }>> }
}

export interface Exchange {
  readonly method: string
  readonly path: string
  /** The body of the request. */
  readonly sent?: string | undefined
  readonly status: number
  readonly type: string
  readonly body: string
}

/** A path with the examples of its parameters. */
export const sampleOf = (path: string, { parameters = [] }: PathItem): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => String(parameters.find((one) => one.name === name)?.example))

export const methodsOf = (item: PathItem): readonly string[] =>
  methods.filter((one) => item[one]).map((one) => one.toUpperCase())

const pointer = (keys: readonly string[]): string =>
  `document#/${keys.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`

const formOf = (path: string): RegExp =>
  new RegExp(`^${path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+')}$`)

export function contractOf(document: Document) {
  const ajv = new Ajv2020({ strict: false, allErrors: true }).addSchema(document, 'document')
  const forms = Object.keys(document.paths)
    .sort((a, b) => a.split('{').length - b.split('{').length)
    .map((path) => ({ path, form: formOf(path) }))
  const pathOf = (url: string): string | undefined =>
    forms.find(({ form }) => form.test(new URL(url, 'http://127.0.0.1').pathname))?.path

  const problemsOf = (keys: readonly string[], text: string): readonly string[] => {
    const validate = ajv.getSchema(pointer(keys))
    if (validate === undefined) return [`${keys.join(' ')} is not there`]
    if (validate(JSON.parse(text.replace(/^\)\]\}'\n/, '')))) return []
    return (validate.errors ?? []).map((one) => `${one.instancePath} ${one.message} ${JSON.stringify(one.params)}`)
  }

  const checkAnswer = (operation: Operation, at: readonly string[], { status, type, body }: Exchange) => {
    const name = String(status)
    const response = operation.responses[name]
    if (response === undefined) return ['the status is not described']
    const shared = response.$ref?.split('/').at(-1)
    const place = shared ? ['components', 'responses', shared] : [...at, 'responses', name]
    const { content = {} } = (shared ? document.components.responses[shared] : response) ?? {}
    const media = type.split(';')[0] ?? ''
    if (body === '') return []
    if (!(media in content)) return [`${media} is not described`]
    const problems = /json$/.test(media) ? problemsOf([...place, 'content', media, 'schema'], body) : []
    const payload = content[media]?.schema.properties?.payload?.contentSchema?.$ref
    if (payload === undefined) return problems
    const signed = Buffer.from(JSON.parse(body).payload, 'base64url').toString()
    return [...problems, ...problemsOf(payload.split('/').slice(1), signed)]
  }

  /** @returns what is not as the document says. */
  return ({ method, path: url, sent, ...answer }: Exchange): readonly string[] => {
    const path = pathOf(url)
    const item = document.paths[path ?? '']
    if (path === undefined || item === undefined) {
      // Only what no route has, such as a document of another name; and what CoreUpdate's clients write.
      const isCoreUpdate = /^\/(_ah\/api|admin|db|package-upload)/.test(url)
      const schema = isCoreUpdate ? 'CoreUpdateError' : url.includes('/v2/keys/') ? 'EtcdError' : 'Problem'
      return answer.status === 404 || (isCoreUpdate && answer.status === 405)
        ? problemsOf(['components', 'schemas', schema], answer.body)
        : [`${url} is not described`]
    }
    const asked = method === 'HEAD' ? 'get' : method.toLowerCase()
    const used = methods.find((one) => one === asked && item[one]) ?? methods.find((one) => item[one])
    const operation = used && item[used]
    if (used === undefined || operation === undefined) return [`${path} has no operation`]
    if (used !== asked)
      return answer.status === 405 ? [] : [`${method} ${path} is not described, and is ${answer.status}`]
    const at = ['paths', path, used]
    const { content: sendable = {} } = operation.requestBody ?? {}
    // Where XML may be sent, too, the first character tells.
    const isXml = sendable['text/xml'] !== undefined && sent?.startsWith('<')
    const isJson = sent && answer.status < 300 && sendable['application/json'] && !isXml
    const requestAt = [...at, 'requestBody', 'content', 'application/json', 'schema']
    return [
      ...checkAnswer(operation, at, { method, path: url, ...answer }),
      ...(isJson ? problemsOf(requestAt, sent) : []),
    ].map((problem) => `${method} ${url} ${answer.status}: ${problem}`)
  }
}
