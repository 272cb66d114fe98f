/**
 * How near a host is, as URLs write it. `link` addresses give out cloud credentials; no outsider may redirect us to them.
 * A name that resolves to a near address is not recognised.
 * @see RFC 6890; hosts come from `URL`, which writes every IPv4 address as four numbers.
 */
export function addressScope(host: string): 'link' | 'machine' | 'network' | 'far' {
  const address = host.replace(/^\[|\]$/g, '')
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address)
  if (mapped !== null) return addressScope(dotted(mapped[1] ?? '', mapped[2] ?? ''))
  return forms.find(([form]) => form.test(address))?.[1] ?? 'far'
}

const forms: readonly (readonly [RegExp, 'link' | 'machine' | 'network'])[] = [
  [/^169\.254\.\d+\.\d+$|^fe[89ab][0-9a-f]:|^fd00:ec2::/, 'link'],
  [/^127\.\d+\.\d+\.\d+$|^0\.\d+\.\d+\.\d+$|^::1?$|^localhost\.?$|\.localhost\.?$/, 'machine'],
  [/^10\.\d+\.\d+\.\d+$|^192\.168\.\d+\.\d+$|^172\.(1[6-9]|2\d|3[01])\.\d+\.\d+$/, 'network'],
  [/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+$|^f[cd][0-9a-f]{2}:/, 'network'],
]

function dotted(high: string, low: string): string {
  const value = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
}

/** Whether a server may redirect to another host: never to a link address, and no nearer than it is itself. */
export function isRedirectAllowed(from: URL, to: URL): boolean {
  const target = addressScope(to.hostname)
  return target === 'far' || (target !== 'link' && addressScope(from.hostname) !== 'far') || from.host === to.host
}
