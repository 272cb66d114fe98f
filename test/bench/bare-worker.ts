/** A bare Hono handler as a Worker. Started by starts.ts. */
import type { Hono } from 'hono'
import { bareApp, parseAnswer } from './bare.ts'

let bare: Hono | undefined

export default {
  fetch(request: Request, env: { readonly ANSWER: string }) {
    bare ??= bareApp(parseAnswer(env.ANSWER))
    return bare.fetch(request)
  },
}
