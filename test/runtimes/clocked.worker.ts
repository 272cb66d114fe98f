/** The Worker under a clock that each request sets. */
import worker from '../../src/runtime/worker-full.ts'

export default {
  fetch: (request, env, context) => {
    const now = Number(request.headers.get('x-test-now'))
    Date.now = () => now
    return worker.fetch(request, env, context)
  },
} satisfies Pick<typeof worker, 'fetch'>
