/** Where a server may not send its readers. */
import { expect, test } from 'vitest'
import { addressScope, isRedirectAllowed, type Scope } from '../../src/store/http/address.ts'

const hosts: Readonly<Record<Scope, readonly string[]>> = {
  never: [
    ...['169.254.169.254', '2852039166', '0xA9FEA9FE', '0251.0376.0251.0376', '169.254.43518', '169.254.169.254.'],
    ...['[::ffff:169.254.169.254]', '[::ffff:a9fe:a9fe]', '[0:0:0:0:0:ffff:a9fe:a9fe]', '[64:ff9b::a9fe:a9fe]'],
    ...['[64:ff9b::169.254.169.254]', '[64:ff9b:1::a9fe:a9fe]', '[64:ff9b:1:a9fe:a9:fe00::]', '[2002:a9fe:a9fe::]'],
    ...['[2002:7f00:1::1]', '[2001:0:4136:e378:8000:63bf:3fff:fdd2]', '[::7f00:1]', '[::127.0.0.1]', '[::10.0.0.1]'],
    ...['[::ffff:0:7f00:1]', '[fe80::1]', '[febf::1]', '[fec0::1]', '[fd00:ec2::254]', '[fd20:ce::254]', '[ff02::1]'],
    ...['168.63.129.16', '192.0.0.192', '192.0.0.1', '100.100.100.200', '[::ffff:168.63.129.16]', '[64:ff9b::c000:c0]'],
    ...['192.0.2.1', '198.51.100.1', '203.0.113.7', '[2001:db8::1]', '[3fff::1]', '192.88.99.1', '224.0.0.1'],
    ...['240.0.0.1', '255.255.255.255', '[100::1]', '[5f00::1]', '[2001:2::1]', '[2001:10::1]', '[4000::1]'],
    ...['metadata', 'metadata.google.internal', 'METADATA.google.internal.', 'metadata.goog', 'instance-data'],
    ...['instance-data.ec2.internal', 'metadata.gce.internal'],
  ],
  machine: [
    ...[
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.01',
      '127.255.255.254',
      '0.0.0.0',
      '0',
      '[::1]',
      '[::]',
    ],
    ...[
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[64:ff9b::7f00:1]',
      'localhost',
      'localhost.',
      'LocalHost',
      'a.localhost',
    ],
  ],
  network: [
    ...['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.0.1', '100.64.0.1', '100.127.255.255', '198.18.0.1'],
    ...['198.19.255.255', '167772161', '[fd12:3456::1]', '[fc00::1]', '[64:ff9b::a00:1]', '[::ffff:10.0.0.1]'],
    ...['origin', 'origin.', 'mirror.internal', 'nas.local', 'nas.lan', 'box.home.arpa'],
  ],
  far: [
    ...['172.32.0.1', '172.15.0.1', '100.128.0.1', '192.0.1.1', '198.20.0.1', '8.8.8.8', '223.255.255.255', '11.0.0.0'],
    ...['[2606:4700::1111]', '[2a00:1450::1]', '[64:ff9b::808:808]', '[::ffff:8.8.8.8]', '10.example.org'],
    ...['localhost.example.org', 'metadata.example.org', 'updates.example.org', 'internal.example.org'],
  ],
}

test.each(Object.entries(hosts).flatMap(([want, list]) => list.map((host) => [host, want] as const)))(
  '%s is %s',
  (host, want) => {
    expect(addressScope(new URL(`http://${host}/`).hostname)).toBe(want)
  },
)

test.each([
  ['127.0.0.1', 'machine'],
  ['::1', 'machine'],
  ['::ffff:10.0.0.1', 'network'],
  ['::127.0.0.1', 'never'],
  ['fe80::1%eth0', 'never'],
  ['64:ff9b::192.168.0.1', 'network'],
  ['2606:4700:0:0:0:0:0:1111', 'far'],
])('the address %s, as a name server gives it, is %s', (address, want) => {
  expect(addressScope(address)).toBe(want)
})

test.each<[Scope, Scope, boolean]>([
  ['far', 'far', true],
  ['far', 'machine', false],
  ['far', 'network', false],
  ['far', 'never', false],
  ['network', 'network', true],
  ['network', 'far', true],
  ['network', 'machine', false],
  ['machine', 'machine', true],
  ['machine', 'network', false],
  ['machine', 'never', false],
  ['never', 'never', false],
  ['never', 'far', true],
])('a server that is %s may redirect to one that is %s: %s', (from, to, want) => {
  expect(isRedirectAllowed(from, to)).toBe(want)
})
