/** A bare Hono handler as a server on Deno, which says where it listens. Started by starts.ts. */
import { env } from 'node:process'
import { bareApp, parseAnswers } from './bare.ts'

interface Runtime {
  serve(options: { readonly hostname: string; readonly port: number }, handler: unknown): unknown
}

const { Deno } = globalThis as unknown as { readonly Deno: Runtime }
Deno.serve({ hostname: '127.0.0.1', port: 0 }, bareApp(parseAnswers(env.ANSWERS)).fetch)
