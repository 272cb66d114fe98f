/** Reads inside workerd through the server that `?from=` names, and answers what came of it as JSON. */
import { webTransport } from '../../src/store/http/transport.ts'
import { readAll } from '../upstream/reads.ts'

export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(await readAll(new URL(request.url).searchParams.get('from') ?? '', webTransport()))
  },
}
