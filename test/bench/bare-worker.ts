/** A bare Hono handler as a Worker. Started by starts.ts. */
import type { Hono } from 'hono'
import { bareApp, parseAnswers } from './bare.ts'

let bare: Hono | undefined

export default {
  fetch(request: Request, env: { readonly ANSWERS: string }) {
    bare ??= bareApp(parseAnswers(env.ANSWERS))
    return bare.fetch(request)
  },
}
