/** What Platte is compared with: the least that a Hono handler can do for the same headers and bytes in and out. */
import { Hono } from 'hono'

/** An answer that was taken from Platte. */
export interface Answer {
  readonly text: string
  readonly headers: Record<string, string>
}

export type Handler = (request: Request) => Response | Promise<Response>

export const checkPath = '/v1/update/'
/** For a server that tells the two apart by their paths; as long as the other. */
export const barePath = '/v1/simple/'

/** Gives these answers in turn. */
export function bareApp(answers: readonly [Answer, ...Answer[]], path = checkPath): Hono {
  let turn = 0
  return new Hono().post(path, async (c) => {
    await c.req.text()
    const { text, headers } = answers[turn++ % answers.length] ?? answers[0]
    return new Response(text, { headers })
  })
}

/** What Platte answers to the request of a machine. */
export async function answerOf(handler: Handler, body: string): Promise<Answer> {
  const headers = { 'content-length': String(body.length) }
  const answer = await handler(new Request(`http://127.0.0.1${checkPath}`, { method: 'POST', body, headers }))
  return { text: await answer.text(), headers: Object.fromEntries(answer.headers) }
}

/** How answers are handed to a twin: a variable of its environment, or a text that is bound. */
export const parseAnswers = (text: string | undefined): readonly [Answer, ...Answer[]] => JSON.parse(text ?? '')
