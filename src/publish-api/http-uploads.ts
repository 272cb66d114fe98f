/**
 * `POST /v1/uploads` lists the missing parts and where to send them, `PUT /v1/uploads/<id>/<number>` takes a part where no
 * bucket does, and `POST /v1/uploads/<id>/complete` verifies what was sent and leaves a receipt.
 * The first needs an identity token; for the others the id is the secret.
 */
import type { Context, Hono } from 'hono'
import type { Routes } from '../checks/serving.ts'
import { checkPlain, readJson } from '../http/body.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { checkUploadOrder, type Uploading } from './upload-records.ts'
import { type Completed, completeUpload, type OpenedUpload, openUploads, takePart } from './uploads.ts'

/** An order of 64 packages with long names has 20 kB. */
const maxOrderBytes = 64 * 1024
const noStore = { 'cache-control': 'no-store' }

export interface UploadServing {
  readonly uploading: Uploading
  /** @throws PlatteError where the sender may not do what it wants. A token may be bound to `body`: all bytes. */
  readonly authorize: (request: Request, wanted: Wanted, body: Uint8Array) => Promise<void>
}

interface Wanted {
  readonly action: 'publish'
  readonly app: string
  readonly channel: string
}

export function uploadRoutes({ uploading, authorize }: UploadServing): Routes {
  const open = async (c: Context): Promise<Response> => {
    const { bytes, value } = await readJson(c.req.raw, maxOrderBytes)
    const { channel, ...order } = checkUploadOrder(value)
    await authorize(c.req.raw, { action: 'publish', app: order.app, channel }, bytes)
    const packages = (await openUploads(uploading, order)).map(withPaths)
    return c.json({ packages }, 200, noStore)
  }
  const take = async (c: Context): Promise<Response> => {
    const { body, headers } = c.req.raw
    const number = Number(/^[1-9]\d{0,4}$/.exec(c.req.param('number') ?? '')?.[0])
    if (!number) return refuse(c, 'not-found', unknown)
    checkPlain(headers)
    const size = Number(/^\d{1,15}$/.exec(headers.get('content-length') ?? '')?.[0])
    if (body === null || Number.isNaN(size))
      return refuse(c, 'length-required', 'send the part with its Content-Length')
    if ((await takePart(uploading, c.req.param('id') ?? '', { number, size, body })) === 'unknown')
      return refuse(c, 'not-found', unknown)
    return c.json({ number }, 200, noStore)
  }
  const complete = async (c: Context): Promise<Response> => {
    const logged = { ...uploading, log: requestLog(uploading.log, c.req.raw) }
    return answerCompleted(c, await completeUpload(logged, c.req.param('id') ?? ''))
  }
  const others = (allow: string) => (c: Context) => refuseMethod(c, allow)
  return (app: Hono) => {
    app.post('/v1/uploads', open).all(others('POST'))
    app.post('/v1/uploads/:id/complete', complete).all(others('POST'))
    app.put('/v1/uploads/:id/:number', take).all(others('PUT'))
  }
}

const unknown = 'this upload does not exist, or is over: ask for the uploads again'

/** Parts that this deployment takes itself have a path, relative to the endpoint's URL. */
function withPaths(opened: OpenedUpload): OpenedUpload {
  if (opened.kind === 'there') return opened
  const { id, parts } = opened
  return { ...opened, parts: parts.map((part) => ({ ...part, url: part.url ?? `/v1/uploads/${id}/${part.number}` })) }
}

function answerCompleted(c: Context, completed: Completed): Response {
  switch (completed.kind) {
    case 'received': {
      const { key, size, sha256, sha1, at } = completed.receipt
      return c.json({ key, size, sha256, sha1, at }, 200, noStore)
    }
    case 'unknown':
      return refuse(c, 'not-found', unknown)
    case 'incomplete':
      return refuse(
        c,
        'conflict',
        `these parts are missing: ${shortened(completed.missing)}; ask for the uploads again`,
      )
    case 'wrong':
      return refuse(c, 'upload-mismatch', `what was sent is not what was announced, and is gone. ${completed.problem}`)
  }
}

const shortened = (numbers: readonly number[]): string =>
  numbers.length > 20 ? `${numbers.slice(0, 20).join(', ')} and ${numbers.length - 20} others` : numbers.join(', ')
