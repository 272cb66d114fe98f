/** A bare Hono handler as a server on Node. Started by starts.ts. */
import { serve } from '@hono/node-server'
import { bareApp, parseAnswers } from './bare.ts'

serve({ fetch: bareApp(parseAnswers(process.env.ANSWERS)).fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`)
})
