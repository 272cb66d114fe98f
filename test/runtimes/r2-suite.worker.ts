/** Runs the suites of all ports and of reboot locks inside workerd and answers what failed as JSON. */
import type { R2Bucket } from '@cloudflare/workers-types'
import { digestStreamHasher } from '../../src/runtime/worker-handler.ts'
import { r2Documents, r2Packages } from '../../src/store/r2/r2.ts'
import { r2Uploads } from '../../src/store/r2/uploads.ts'
import { documentRows } from '../conformance/documents.ts'
import { lockRows } from '../conformance/locks.ts'
import { packageRows } from '../conformance/packages.ts'
import { failures } from '../conformance/rows.ts'
import { uploadRows } from '../conformance/uploads.ts'

export default {
  async fetch(request: Request, { STORE }: { readonly STORE: R2Bucket }): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/locks') return Response.json(await failures(lockRows, () => () => r2Documents(STORE), 'locks'))
    const packages = () => r2Packages(STORE, { newHasher: digestStreamHasher })
    if (pathname === '/packages')
      return Response.json(await failures(packageRows(digestStreamHasher), packages, 'packages'))
    if (pathname === '/uploads') {
      const open = () => r2Uploads(STORE, { packages: packages(), partBytes: 5 * 1024 * 1024 })
      return Response.json(await failures(uploadRows, open, 'uploads'))
    }
    return Response.json(await failures(documentRows, () => r2Documents(STORE), 'documents'))
  },
}
