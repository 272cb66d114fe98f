/**
 * The three ways by which HTTP comes to a function, as AWS documents them: what each makes of a request, and what whoever
 * asked is handed of the result.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
 */
import { Buffer } from 'node:buffer'
import type { Send } from '../scenes/runner.ts'

type SceneRequest = Parameters<Send>[0]
type Door = (request: SceneRequest) => object

const domain = 'abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws'
const gatewayDomain = 'abcde12345.execute-api.eu-central-1.amazonaws.com'

/** What every door adds; names of headers come in lower case. */
const headersOf = ({ headers, body }: SceneRequest, host: string): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  ...(body && { 'content-length': String(body.length) }),
  host,
  'x-forwarded-for': '192.0.2.7',
  'x-forwarded-proto': 'https',
  'x-amzn-trace-id': 'Root=1-5bdb40ca-556d8b0c50dc66f0511bf520',
})

/** Text stays text, unless it is compressed. */
function bodyOf({ headers, body }: SceneRequest) {
  if (body === undefined) return { isBase64Encoded: false }
  const { 'Content-Type': type = '', 'Content-Encoding': encoding } = headers
  const isText = encoding === undefined && /^text\/|^application\/(json|javascript|xml)\b/.test(type)
  return { body: Buffer.from(body).toString(isText ? 'utf8' : 'base64'), isBase64Encoded: !isText }
}

const split = (path: string): readonly [string, string] => {
  const [raw = '', ...query] = path.split('?')
  return [raw, query.join('?')]
}

const gatewayEvent = (request: SceneRequest, path: readonly [string, string], more: object) => ({
  version: '2.0',
  routeKey: '$default',
  rawPath: path[0],
  rawQueryString: path[1],
  ...bodyOf(request),
  ...more,
})

const functionUrl: Door = (request) => {
  const path = split(request.path)
  return gatewayEvent(request, path, {
    headers: headersOf(request, domain),
    requestContext: {
      accountId: 'anonymous',
      apiId: domain.split('.')[0],
      domainName: domain,
      http: { method: request.method, path: path[0], protocol: 'HTTP/1.1', sourceIp: '192.0.2.7', userAgent: 'x' },
      stage: '$default',
    },
  })
}

/** Decodes the path; what comes behind a "?" that was escaped is lost. */
const decoded = (path: string): string =>
  path.replace(/(%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes)
    } catch {
      return escapes
    }
  })

/** A stage is part of the path under the names that API Gateway gives. */
const httpApi =
  (stage: string): Door =>
  (request) => {
    const [raw, query] = split(request.path)
    const path = (stage === '$default' ? '' : `/${stage}`) + (decoded(raw).split('?')[0] ?? '')
    const { 'transfer-encoding': _, ...headers } = headersOf(request, gatewayDomain)
    return gatewayEvent(request, [path, query], {
      headers,
      requestContext: {
        accountId: '123456789012',
        apiId: 'abcde12345',
        domainName: gatewayDomain,
        http: { method: request.method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.7', userAgent: 'x' },
        stage,
      },
    })
  }

const pairOf = (pair: string): readonly [string, string] => {
  const at = pair.includes('=') ? pair.indexOf('=') : pair.length
  return [pair.slice(0, at), pair.slice(at + 1)]
}

const targetGroup = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/platte/49e9d65c45c6791a'

const loadBalancer =
  (hasMultiValues: boolean): Door =>
  (request) => {
    const [path, query] = split(request.path)
    const headers = headersOf(request, 'updates.example.org')
    // Escapes stay as they came. Without multi-value headers, the last of several values is left.
    const pairs = query === '' ? [] : query.split('&').map((pair) => pairOf(pair))
    const several = (all: readonly (readonly [string, string])[]) =>
      Object.fromEntries(all.map(([name]) => [name, all.filter(([other]) => other === name).map(([, value]) => value)]))
    return {
      requestContext: { elb: { targetGroupArn: targetGroup } },
      httpMethod: request.method,
      path,
      ...(hasMultiValues
        ? { multiValueQueryStringParameters: several(pairs), multiValueHeaders: several(Object.entries(headers)) }
        : { queryStringParameters: Object.fromEntries(pairs), headers }),
      body: '',
      ...bodyOf(request),
    }
  }

/** By their names in the tests. */
export const doors = {
  'function URL': functionUrl,
  'HTTP API': httpApi('$default'),
  'HTTP API with a stage': httpApi('prod'),
  'load balancer': loadBalancer(false),
  'load balancer with multi-value headers': loadBalancer(true),
} as const satisfies Readonly<Record<string, Door>>

export type DoorName = keyof typeof doors
export const doorNames = Object.keys(doors) as readonly DoorName[]

/** Only an HTTP API decodes paths, and so cannot tell some of them apart. */
export const keepsPaths = (door: DoorName): boolean => !door.startsWith('HTTP API')

interface Result {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, string>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>
  readonly body: string
  readonly isBase64Encoded: boolean
}

/** Sends requests through a door. A load balancer looks only at the kind of headers that it sends itself. */
export function sendThrough(door: DoorName, invoke: (event: object) => Promise<unknown>): Send {
  return async (request) => {
    const event = doors[door](request)
    const { statusCode, headers, multiValueHeaders, body, isBase64Encoded } = (await invoke(event)) as Result
    const given = 'multiValueHeaders' in event ? multiValueHeaders : headers
    const found = new Map(Object.entries(given ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]))
    const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')
    return { status: statusCode, header: (name) => found.get(name), body: bytes }
  }
}
