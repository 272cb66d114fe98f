/** A Worker of two handlers, told apart by path: Platte's own, and the bare one. */
import type { Hono } from 'hono'
import worker from '../../src/runtime/worker.ts'
import type { Env } from '../../src/runtime/worker-handler.ts'
import { bareApp, barePath, parseAnswers } from './bare.ts'

let bare: Hono | undefined

export default {
  fetch(request: Request, env: Env & { readonly ANSWERS: string }, context: Parameters<typeof worker.fetch>[2]) {
    if (!request.url.endsWith(barePath)) return worker.fetch(request, env, context)
    bare ??= bareApp(parseAnswers(env.ANSWERS), barePath)
    return bare.fetch(request, env, context)
  },
}
