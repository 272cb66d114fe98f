/** How one request goes out, without redirects. Each runtime has its own way to connect to an address that was judged. */

export interface Sending {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  readonly body?: string | Blob | undefined
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** Whether a connection may be kept for later requests: only to the host that was configured. */
  readonly isKept: boolean
  /** Called with each address that the host resolves to, before a connection to it. @throws PlatteError for a wrong one. */
  readonly judge: (address: string) => void
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  /** The next bytes of the body, `undefined` at its end. */
  readonly read: () => Promise<Uint8Array | undefined>
  /** Gives up the rest of the body. Never throws. */
  readonly drop: () => Promise<void>
}

/** @throws whatever goes wrong, `judge` included. */
export type Transport = (sending: Sending) => Promise<Reply>

/**
 * By `fetch`, for runtimes that offer nothing else.
 * @param resolve where the runtime can look names up: `fetch` does so again, and may then see another address.
 */
export const webTransport =
  (resolve?: (host: string) => Promise<readonly string[]>): Transport =>
  async ({ method, body: sent, url, headers, signal, judge }) => {
    for (const address of (await resolve?.(url.hostname.replace(/^\[|\]$/g, ''))) ?? []) judge(address)
    const {
      status,
      body,
      headers: received,
    } = await fetch(url, {
      ...{ method, headers, redirect: 'manual', signal },
      ...(sent !== undefined && { body: sent }),
    })
    const reader = body?.getReader()
    return {
      ...{ status, headers: received },
      read: async () => (await reader?.read())?.value,
      drop: async () => reader?.cancel().catch(() => undefined),
    }
  }
