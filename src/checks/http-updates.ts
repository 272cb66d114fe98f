/** Update checks by Request and Response: a shell around the core of `answer.ts`. */
import type { Context } from 'hono'
import type { Background } from '../catalog/cache.ts'
import { readBody } from '../http/body.ts'
import { readHeaders } from '../http/request-id.ts'
import { type CheckAnswer, openChecks } from './answer.ts'
import type { Serving } from './serving.ts'

/** Both spellings of both paths: a redirect would lose the POST. */
export const updatePaths: readonly string[] = ['/v1/update', '/v1/update/', '/omaha', '/omaha/']

/** Answers a POST with an Omaha 3.0 response, 200 whatever the decision. */
export function answerUpdate(
  serving: Serving,
): (request: Request, path: string, background: Background) => Promise<Response> {
  const checks = openChecks(serving)
  return async (request, path, background) => {
    const context = { background, path, ids: readHeaders(request) }
    let text: string
    try {
      text = await readBody(request)
    } catch (error) {
      return responseOf(checks.refuse(error, context))
    }
    const answer = checks.answer(text, context)
    return responseOf(answer instanceof Promise ? await answer : answer)
  }
}

const responseOf = ({ status, headers, body }: CheckAnswer): Response => new Response(body, { status, headers })

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
    { 'cache-control': 'no-store' },
  )
}
