/** A bare Hono handler as a server on Node. Started by starts.ts. */
import { serve } from '@hono/node-server'
import { bareApp, parseAnswer } from './bare.ts'

serve({ fetch: bareApp(parseAnswer(process.env.ANSWER)).fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`)
})
