/** Whether an If-None-Match names a tag: weak comparison over a list, RFC 9110 §13.1.2. */
export const matches = (header: string | undefined, etag: string): boolean =>
  (header ?? '').split(',').some((one) => ['*', etag].includes(one.trim().replace(/^W\//, '')))
