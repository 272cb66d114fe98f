/** Headers of requests: secrets and conditions. */

/** Takes the same time wherever two texts differ. */
export { timingSafeEqual as isSameSecret } from 'hono/utils/buffer'

/** @returns `''` without a token: no secret is empty. */
export const bearerToken = (headers: Headers): string =>
  /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1] ?? ''

/** Whether a secret may be sent there: by TLS, or without leaving this machine. */
export const isConfidential = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && /^(127(\.\d+){3}|localhost|\[::1\])$/.test(hostname))

/** Name and password of Basic; empty without. */
export function basicOf(headers: Headers): { readonly user: string; readonly password: string } {
  const [, encoded = ''] = /^Basic +([A-Za-z0-9+/=]{1,1024})$/i.exec(headers.get('authorization') ?? '') ?? []
  try {
    const [, user = '', password = ''] = /^([^:]*):(.*)$/s.exec(atob(encoded)) ?? []
    return { user, password }
  } catch {
    return { user: '', password: '' }
  }
}

/** Whether an If-None-Match names a tag: weak comparison over a list, RFC 9110 §13.1.2. */
export const matches = (header: string | undefined, etag: string): boolean =>
  (header ?? '').split(',').some((one) => ['*', etag].includes(one.trim().replace(/^W\//, '')))
