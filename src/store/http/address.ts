/**
 * How near a host is to this machine. Judges names as they are written and addresses in every form that `URL` or a name
 * server gives; who resolves a name judges its addresses, too.
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
 */

/** `never`: link addresses, which give out credentials of clouds, and addresses that hide another one. */
export type Scope = 'never' | 'machine' | 'network' | 'far'

/** The first row that matches counts. Beyond these, IPv4 is far, and of IPv6 only what is assigned to the internet. */
const ranges = (
  [
    ['169.254.0.0/16', 'never'],
    // Azure's wire server, and the metadata of Oracle and Alibaba.
    ['168.63.129.16/32', 'never'],
    ['192.0.0.0/24', 'never'],
    ['100.100.100.200/32', 'never'],
    ['127.0.0.0/8', 'machine'],
    ['0.0.0.0/8', 'machine'],
    ['10.0.0.0/8', 'network'],
    ['172.16.0.0/12', 'network'],
    ['192.168.0.0/16', 'network'],
    ['100.64.0.0/10', 'network'],
    ['198.18.0.0/15', 'network'],
    ['192.0.2.0/24', 'never'],
    ['198.51.100.0/24', 'never'],
    ['203.0.113.0/24', 'never'],
    ['192.88.99.0/24', 'never'],
    ['224.0.0.0/3', 'never'],
    ['0.0.0.0/0', 'far'],
    ['::/127', 'machine'],
    // Metadata of AWS and Google.
    ['fd00:ec2::/32', 'never'],
    ['fd20:ce::/32', 'never'],
    ['fc00::/7', 'network'],
    // Teredo and its kin, 6to4, documentation.
    ['2001::/23', 'never'],
    ['2001:db8::/32', 'never'],
    ['2002::/16', 'never'],
    ['3fff::/20', 'never'],
    ['2000::/3', 'far'],
    ['::/0', 'never'],
  ] as const
).map(([range, scope]) => ({ ...prefixOf(range), scope }))

/** NAT64: an IPv6 network reaches the IPv4 internet by it. */
const translated = prefixOf('64:ff9b::/96')

const names: readonly (readonly [RegExp, Scope])[] = [
  [/^(?:metadata|instance-data)(?:\.(?:.+\.)?(?:internal|goog))?$/, 'never'],
  [/^(?:.+\.)?localhost$/, 'machine'],
  // No name of the internet.
  [/^[^.]*$|\.(?:internal|local|lan|intranet|localdomain|home\.arpa)$/, 'network'],
]

/** @param host a host of `URL`, or an address as a name server gives it. */
export function addressScope(host: string): Scope {
  const address = literalOf(host)
  if (address === undefined) {
    const name = host.toLowerCase().replace(/\.+$/, '')
    return names.find(([form]) => form.test(name))?.[1] ?? 'far'
  }
  const value = numberOf(address)
  const plain = isIn(value, translated) ? mapped | (value & 0xffff_ffffn) : value
  return ranges.find((range) => isIn(plain, range))?.scope ?? 'never'
}

/** Whether a server of scope `from` may redirect to another host: only away from us, or within its own scope. */
export const isRedirectAllowed = (from: Scope, to: Scope): boolean => to === 'far' || (to !== 'never' && to === from)

/** IPv4 as `::ffff:0:0/96`, as the mapped form of IPv6 writes it. */
const mapped = 0xffff_0000_0000n

/** The address without brackets and zone, as `URL` writes it: one form for each. @returns `undefined` for a name. */
function literalOf(host: string): string | undefined {
  const text = host.replace(/^\[|\]$|%.*$/g, '')
  const url = `http://${text.includes(':') ? `[${text}]` : text}/`
  const { hostname = '' } = URL.canParse(url) ? new URL(url) : {}
  return /^\[|^\d+\.\d+\.\d+\.\d+$/.test(hostname) ? hostname.replace(/^\[|\]$/g, '') : undefined
}

/** @param address as `literalOf` gives it. */
function numberOf(address: string): bigint {
  if (!address.includes(':')) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0xffffn)
  const [head = '', tail] = address.split('::')
  const groups = (text = ''): string[] => (text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), groups(tail)]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

function prefixOf(range: string): { readonly bits: bigint; readonly rest: bigint } {
  const [address = '', length = ''] = range.split('/')
  const rest = BigInt(address.includes(':') ? 128 : 32) - BigInt(length)
  return { bits: numberOf(address) >> rest, rest }
}

function isIn(value: bigint, { bits, rest }: { readonly bits: bigint; readonly rest: bigint }): boolean {
  return value >> rest === bits
}
