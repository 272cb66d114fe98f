/** Requests that Node's parser refuses, so that no handler sees them: answered, and logged within bounds. */
import type { Socket } from 'node:net'
import type { CheckCore } from '../checks/answer.ts'
import { readIds } from '../http/request-id.ts'
import type { Clock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'

/** Lines of a minute: anybody can send what no parser reads. */
const maxLines = 60
const minuteMs = 60_000

type ParserError = Error & { readonly code?: string; readonly reason?: string }
/** Node's own mark of a request that is being answered. */
type Connection = Socket & { readonly _httpMessage?: { readonly headersSent: boolean } | null }

/** @returns a listener for `clientError`. @param checks as for requests. */
export function unparsed(checks: () => CheckCore | undefined, clock: Clock) {
  let [begun, lines] = [Number.NEGATIVE_INFINITY, 0]
  const mayLog = (): boolean => {
    const now = clock()
    if (now - begun >= minuteMs) [begun, lines] = [now, 0]
    lines += 1
    return lines <= maxLines
  }
  return (error: ParserError, socket: Connection): void => {
    const { code = '' } = error
    const answering = socket._httpMessage
    if (!socket.writable || answering?.headersSent) {
      socket.destroy(error)
      return
    }
    // Who handles a request sees its body end too early, and logs that.
    if (code.startsWith('HPE_') && !answering && mayLog()) report(checks(), error)
    const status = code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request'
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy())
  }
}

function report(core: CheckCore | undefined, { code, reason, message }: ParserError): void {
  const what = code === 'HPE_HEADER_OVERFLOW' ? 'its headers are too large' : (reason ?? message)
  const refused = new PlatteError('bad-request', `the request is not HTTP that can be read: ${what}`)
  const ids = readIds(undefined, undefined)
  core?.refuse(refused, { background: (work) => void work, path: '', ids, agent: () => undefined })
}
