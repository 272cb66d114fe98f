/**
 * HTTP as Lambda gets and gives it. Function URLs, HTTP APIs of API Gateway (format 2.0) and Application Load Balancers
 * each send an event of their own; here one request is one request, whichever way it came, and a body is the bytes that
 * it is: answers are base64.
 *
 * hono/aws-lambda is not used: it builds the body of a package byte by byte (340 MB of memory for 4 MiB), and it takes the
 * URL from what a client says.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
 */
import { Buffer } from 'node:buffer'

interface WithBody {
  readonly body?: string | null
  readonly isBase64Encoded?: boolean
}

/** Of a function URL, and of an HTTP API. */
interface GatewayEvent extends WithBody {
  readonly rawPath: string
  readonly rawQueryString?: string
  /** Several of one name are joined by a comma. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly requestContext: {
    readonly http: { readonly method: string }
    readonly domainName?: string
    /** Of an HTTP API. Under API Gateway's own names, and only there, paths begin with it unless it is `$default`. */
    readonly stage?: string
  }
}

/** Of a load balancer; which headers it sends is a setting of the target group, and ours must then be of the same kind. */
interface BalancerEvent extends WithBody {
  readonly httpMethod: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[] | undefined>>
  readonly queryStringParameters?: Readonly<Record<string, string>>
  readonly multiValueQueryStringParameters?: Readonly<Record<string, readonly string[]>>
  readonly requestContext: { readonly elb: object }
}

export type HttpEvent = GatewayEvent | BalancerEvent

/** What Lambda hands on to whoever asked. */
export interface HttpResult {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, string>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>
  readonly body: string
  readonly isBase64Encoded: boolean
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

export function isHttpEvent(event: unknown): event is HttpEvent {
  if (!isObject(event) || !isObject(event.requestContext)) return false
  if (isObject(event.requestContext.elb)) return typeof event.httpMethod === 'string' && typeof event.path === 'string'
  const { http } = event.requestContext
  return typeof event.rawPath === 'string' && isObject(http) && typeof http.method === 'string'
}

const isBalancer = (event: HttpEvent): event is BalancerEvent => 'elb' in event.requestContext

/** Base64 is a third longer. Lambda's answers have 6 MB at most, those to a load balancer 1 MB. */
export const mostBytes = (event: HttpEvent): number => (isBalancer(event) ? 640 * 1024 : 4 * 1024 * 1024)

/** @returns `undefined` for what is no request to anybody, such as one by TRACE. */
export function requestOf(event: HttpEvent): Request | undefined {
  const method = isBalancer(event) ? event.httpMethod : event.requestContext.http.method
  const url = `http://lambda${isBalancer(event) ? balancerPath(event) : gatewayPath(event)}`
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8')
  try {
    const headers = headersOf(event)
    if (method === 'GET' || method === 'HEAD') return new Request(url, { method, headers })
    // What came in chunks was put together on the way.
    headers.delete('transfer-encoding')
    headers.set('content-length', String(body.length))
    return new Request(url, { method, headers, body })
  } catch {
    return undefined
  }
}

function gatewayPath({ rawPath, rawQueryString, requestContext: { stage, domainName } }: GatewayEvent): string {
  const prefix = domainName?.includes('.execute-api.') ? `/${stage}/` : '/'
  const path = rawPath.startsWith(prefix) ? rawPath.slice(prefix.length - 1) : rawPath
  return escaped(path) + (rawQueryString ? `?${rawQueryString}` : '')
}

/** A load balancer decodes neither the path nor the query. */
function balancerPath({ path, queryStringParameters, multiValueQueryStringParameters }: BalancerEvent): string {
  const several = Object.entries(multiValueQueryStringParameters ?? {})
  const single = Object.entries(queryStringParameters ?? {}).map(([name, value]) => [name, [value]] as const)
  const pairs = [...several, ...single].flatMap(([name, values]) => values.map((value) => `${name}=${value}`))
  return escaped(path) + (pairs.length > 0 ? `?${pairs.join('&')}` : '')
}

/** An HTTP API decodes the path; what cannot stand in a path as it is was escaped when it was sent. */
const escaped = (path: string): string =>
  path.replace(/[?#\\]|%(?![0-9a-f]{2})/gi, (character) => encodeURIComponent(character))

function headersOf(event: HttpEvent): Headers {
  const headers = new Headers()
  const several = isBalancer(event) ? event.multiValueHeaders : undefined
  for (const [name, values] of Object.entries(several ?? event.headers ?? {}))
    for (const value of typeof values === 'string' ? [values] : (values ?? [])) headers.append(name, asBytes(value))
  return headers
}

/** A header is bytes, one character each; what was read as UTF-8 on the way has others. */
const asBytes = (value: string): string =>
  /[\u0100-\uffff]/.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value

/** @throws whatever breaks the body off. */
export async function resultOf(event: HttpEvent, response: Response): Promise<HttpResult> {
  const body = Buffer.from(await response.arrayBuffer())
  const headers = Object.fromEntries(response.headers)
  return {
    statusCode: response.status,
    ...('multiValueHeaders' in event
      ? { multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])) }
      : { headers }),
    body: body.toString('base64'),
    isBase64Encoded: true,
  }
}
