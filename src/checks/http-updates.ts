/** Update checks by Request and Response: a shell around the core of `answer.ts`; and whether they are healthy. */
import type { Context } from 'hono'
import { type Background, currentCatalog, findProblems } from '../catalog/cache.ts'
import { readBody, readBodyBytes } from '../http/body.ts'
import { readHeaders } from '../http/request-id.ts'
import { type CheckAnswer, openChecks } from './answer.ts'
import { answerProven, asksForProof } from './proof.ts'
import { answering, type Serving } from './serving.ts'

/** Both spellings of both paths: a redirect would lose the POST. Then what JSON clients are configured with elsewhere. */
export const updatePaths: readonly string[] = [
  ...['/v1/update', '/v1/update/', '/omaha', '/omaha/'],
  ...['/omaha/json', '/service/update2/json'],
]

/** Answers a POST with an Omaha response in the request's dialect, 200 whatever the decision. */
export function answerUpdate(
  serving: Serving,
): (request: Request, path: string, background: Background) => Promise<Response> {
  const checks = openChecks(serving)
  return async (request, path, background) => {
    const agent = () => request.headers.get('user-agent')
    const context = { background, path, ids: readHeaders(request), agent }
    let text: string
    try {
      if (asksForProof(request.url)) {
        const bytes = await readBodyBytes(request)
        return responseOf(await answerProven(checks, bytes, request.url, context))
      }
      text = await readBody(request)
    } catch (error) {
      return responseOf(checks.refuse(error, context))
    }
    const answer = checks.answer(text, context)
    return responseOf(answer instanceof Promise ? await answer : answer)
  }
}

/** An object of headers would cost 3 µs more on workerd than setting each, and one with the status 2 µs more than none. */
export function responseOf({ status, headers, body }: CheckAnswer): Response {
  const response = status === 200 ? new Response(body) : new Response(body, { status })
  const { headers: own } = response
  for (const name in headers) own.set(name, headers[name] ?? '')
  return response
}

const noStore = { 'cache-control': 'no-store' }

/** For people who open the endpoint in a browser: they take a 404 for an outage. */
export function describeUpdateEndpoint(c: Context): Response {
  return c.text(
    `This is an Omaha update endpoint, and it is up.

Machines ask it with POST. In update.conf:
  SERVER=<this URL>
  GROUP=<channel>
By hand:
  curl -sS --data-binary @request.xml -H 'Content-Type: text/xml' <this URL>
Health: /healthz
`,
    200,
    noStore,
  )
}

/** `GET /healthz`: always 200; the body lists the problems. */
export function answerHealth(serving: Serving): (c: Context) => Promise<Response> {
  return async (c) => {
    const { cache, reader, background } = answering(serving, c)
    await currentCatalog(cache, reader, background)
    const more = await Promise.all((serving.extensions ?? []).map((one) => one.problems?.() ?? []))
    const problems = [...findProblems(cache, reader.clock()), ...more.flat()]
    const status = problems.length === 0 ? 'ok' : 'degraded'
    const catalogExpires = cache.state?.catalog.catalog.expires ?? null
    return c.json({ status, catalogExpires, problems }, 200, noStore)
  }
}
