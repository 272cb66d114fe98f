/** Runs the suites of both ports and of reboot locks inside workerd and answers what failed as JSON. */
import type { R2Bucket } from '@cloudflare/workers-types'
import { digestStreamHasher } from '../../src/adapters/hasher-digest-stream.ts'
import { r2Documents, r2Packages } from '../../src/adapters/r2.ts'
import { documentRows } from '../conformance/documents.ts'
import { lockRows } from '../conformance/locks.ts'
import { packageRows } from '../conformance/packages.ts'
import { failures } from '../conformance/rows.ts'

export default {
  async fetch(request: Request, { STORE }: { readonly STORE: R2Bucket }): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/locks')
      return Response.json(await failures(lockRows, () => () => r2Documents(STORE, 'here/'), 'locks'))
    if (pathname === '/packages') {
      const open = () => r2Packages(STORE, { newHasher: digestStreamHasher, prefix: 'here/' })
      return Response.json(await failures(packageRows(digestStreamHasher), open, 'packages'))
    }
    return Response.json(await failures(documentRows, () => r2Documents(STORE, 'here/'), 'documents'))
  },
}
