/** Requests of Zincati 0.0.32 as it sends them, which `zincati.test.ts` holds against the real one. */

export interface Asking {
  /** Host and port. */
  readonly host: string
  readonly group: string
  /** 32 hex digits: from the machine's id, and another one. */
  readonly node: string
  readonly version: string
  /** An ostree checksum, or an image with its digest. */
  readonly os: string
  /** 0 to 1, where the machine has one. */
  readonly wariness?: number
}

/** It keeps the parameters in a map without an order: here they are sorted. */
export function graphRequest({ host, group, node, version, os, wariness }: Asking): string {
  const isImage = os.includes('@')
  const query = new URLSearchParams({
    ...{ basearch: 'x86_64', group, node_uuid: node, ...(isImage && { oci: 'true' }), os_checksum: os },
    ...{ os_version: version, platform: 'metal' },
    ...(wariness !== undefined && { rollout_wariness: wariness.toFixed(6) }),
    stream: 'stable',
  })
  return `GET /v1/graph?${query} HTTP/1.1\r\naccept: application/json\r\nhost: ${host}\r\n\r\n`
}

/** @param path `/v1/steady-state` or `/v1/pre-reboot`. */
export function lockRequest(path: string, { host, group, node }: Pick<Asking, 'host' | 'group' | 'node'>): string {
  const body = JSON.stringify({ client_params: { id: node, group } }, null, 2)
  const head = `POST ${path} HTTP/1.1\r\nfleet-lock-protocol: true\r\naccept: */*\r\nhost: ${host}\r\n`
  return `${head}content-length: ${body.length}\r\n\r\n${body}`
}

/** A request of Zincati with its parameters sorted. */
export function sorted(request: string): string {
  const [, path, query = ''] = /^GET ([^? ]+)\?(\S*) /.exec(request) ?? []
  return path === undefined ? request : request.replace(`?${query}`, `?${query.split('&').sort().join('&')}`)
}
