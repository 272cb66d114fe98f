/** Joins what the rooms say of their routes to one document. */
import type { Answer, Content, Described, JsonSchema, Operation, Parameter } from '../checks/described.ts'
import { kindOf, kinds, type ProblemCode, problemType } from '../http/problem.ts'
import { converter } from './schemas.ts'

type Convert = ReturnType<typeof converter>['convert']

const about = `Every route of this deployment. Each GET answers HEAD, too; another method gets 405 with \`Allow\`.

Send \`x-request-id\` (\`[A-Za-z0-9_.=-]\`, at most 128) or \`traceparent\` to find the request in the log.`

/** OpenAPI 3.1. @param url where clients reach this deployment. */
export function toOpenApi(all: readonly Described[], url: string): JsonSchema {
  const { convert, finish } = converter(merge(all.map(({ schemas }) => schemas)))
  const meanings = merge(all.map((one) => one.meanings))
  const paths = merge(all.map((one) => pathsOf(one, convert)))
  const responses = merge(all.map((one) => refusalsOf(one, convert)))
  const schemas = Object.entries(finish()).map(([name, schema]) => {
    const description = meanings[name]
    return [name, { ...(description && { description }), ...schema }]
  })
  return {
    openapi: '3.1.1',
    info: {
      ...{ title: 'Platte', summary: 'An Omaha update endpoint', description: about, version: '1' },
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url }],
    tags: all.map(({ name, about }) => ({ name, description: about })),
    paths,
    components: {
      schemas: { Problem: problem, ...Object.fromEntries(schemas) },
      securitySchemes: merge(all.map(({ security }) => security)),
      responses,
      headers: { RequestId: { description: 'The id of the request, for the log.', schema: { type: 'string' } } },
    },
  }
}

const merge = <T>(all: readonly (Readonly<Record<string, T>> | undefined)[]): Readonly<Record<string, T>> =>
  Object.assign({}, ...all)

function pathsOf(room: Described, convert: Convert): JsonSchema {
  const items = Object.entries(room.paths).map(([path, methods]) => {
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) =>
      parameterOf('path', name, room.names[name], convert),
    )
    const operations = Object.entries(methods).map(([method, one]) => [method, operationOf(room.name, one, convert)])
    return [path, { ...(parameters.length > 0 && { parameters }), ...Object.fromEntries(operations) }]
  })
  return Object.fromEntries(items)
}

function parameterOf(at: 'path' | 'query' | 'header', name: string, one: Parameter | undefined, convert: Convert) {
  if (one === undefined) throw new Error(`{${name}} is not described`)
  const { about: description, shape, isRequired, example } = one
  return {
    ...{ name, in: at, description, schema: convert(shape) },
    ...((at === 'path' || isRequired) && { required: true }),
    ...(example !== undefined && { example }),
  }
}

function operationOf(tag: string, one: Operation, convert: Convert): JsonSchema {
  const { id, summary, about: description, query = {}, headers = {}, body, security = [] } = one
  const parameters = [
    ...Object.entries(query).map(([name, parameter]) => parameterOf('query', name, parameter, convert)),
    ...Object.entries(headers).map(([name, parameter]) => parameterOf('header', name, parameter, convert)),
  ]
  return {
    ...{ operationId: id, tags: [tag], summary, ...(description && { description }) },
    security: security.map((name) => (name === 'none' ? {} : { [name]: [] })),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        ...(body.about && { description: body.about }),
        ...{ required: true, content: contentOf(body.content, convert) },
      },
    }),
    responses: responsesOf(one, convert),
  }
}

/** Anything may fail. */
const always: Codes = ['bad-document', 'answer-unavailable', 'catalog-unavailable', 'store-unavailable']

function responsesOf(one: Operation, convert: Convert): JsonSchema {
  const { answers, dialect } = one
  const refusals = groupsOf(one)
  const responses: Record<string, JsonSchema> = {}
  if (dialect) for (const status of dialect.statuses) responses[status] = responseOf(dialect, convert)
  for (const [status, codes] of refusals) responses[status] = { $ref: `#/components/responses/${nameOf(codes)}` }
  for (const [status, answer] of Object.entries(answers)) {
    const codes = refusals.get(Number(status))
    const content = codes ? { ...answer.content, ...refusalOf(codes).content } : answer.content
    responses[status] = responseOf({ ...answer, ...(content && { content }) }, convert)
  }
  return responses
}

type Codes = readonly ProblemCode[]

const groupsOf = ({ refuses = [], dialect }: Operation): ReadonlyMap<number, Codes> =>
  Map.groupBy(dialect ? [] : [...new Set([...refuses, ...always])], (code) => kindOf(code).status)
/** e.g. `refused` or `bad-request.usage`. */
const nameOf = (codes: Codes): string => codes.map(shownAs).join('.')

/** By what `nameOf` calls them. */
function refusalsOf({ paths }: Described, convert: Convert): JsonSchema {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  const groups = operations.flatMap((one) => [...groupsOf(one).values()])
  return Object.fromEntries(groups.map((codes) => [nameOf(codes), responseOf(refusalOf(codes), convert)]))
}

const responseOf = ({ about: description, content, headers = {} }: Answer, convert: Convert): JsonSchema => ({
  description,
  headers: {
    'x-request-id': { $ref: '#/components/headers/RequestId' },
    ...Object.fromEntries(
      Object.entries(headers).map(([name, about]) => [name, { description: about, schema: { type: 'string' } }]),
    ),
  },
  ...(content && { content: contentOf(content, convert) }),
})

const contentOf = (content: Content, convert: Convert): JsonSchema =>
  Object.fromEntries(Object.entries(content).map(([type, shape]) => [type, { schema: convert(shape) }]))

/** As clients see it. */
const shownAs = (code: ProblemCode): string => kindOf(code).as ?? code

const problem = {
  type: 'object',
  description: 'What was refused, and why (RFC 9457).',
  required: ['code', 'title', 'status', 'detail'],
  additionalProperties: false,
  properties: {
    code: { type: 'string', enum: [...new Set((Object.keys(kinds) as ProblemCode[]).map(shownAs))] },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'One sentence for people.' },
    hint: { type: 'string', description: 'What to do next.' },
  },
}

const reference = { $ref: '#/components/schemas/Problem' }

const refusalOf = (codes: Codes): Answer => ({
  about: codes.map((code) => `\`${shownAs(code)}\``).join(', '),
  content: { [problemType]: { allOf: [reference, { properties: { code: { enum: codes.map(shownAs) } } }] } },
  ...(codes.includes('rate-limited') && { headers: { 'retry-after': 'Seconds to wait.' } }),
  ...(codes.includes('range-not-satisfiable') && { headers: { 'content-range': 'The size of the whole.' } }),
})
