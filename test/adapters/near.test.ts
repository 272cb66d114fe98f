/** Where a server may not send its readers. */
import { expect, test } from 'vitest'
import { addressScope, isRedirectAllowed } from '../../src/store/http/fetch.ts'

test.each([
  ['169.254.169.254', 'link'],
  ['2852039166', 'link'],
  ['0xA9FEA9FE', 'link'],
  ['[::ffff:169.254.169.254]', 'link'],
  ['[fe80::1]', 'link'],
  ['[fd00:ec2::254]', 'link'],
  ['127.0.0.1', 'machine'],
  ['127.1', 'machine'],
  ['0.0.0.0', 'machine'],
  ['[::1]', 'machine'],
  ['[::]', 'machine'],
  ['[::ffff:127.0.0.1]', 'machine'],
  ['localhost', 'machine'],
  ['a.localhost', 'machine'],
  ['10.1.2.3', 'network'],
  ['172.16.0.1', 'network'],
  ['172.31.255.255', 'network'],
  ['192.168.0.1', 'network'],
  ['100.64.0.1', 'network'],
  ['[fd12:3456::1]', 'network'],
  ['172.32.0.1', 'far'],
  ['100.128.0.1', 'far'],
  ['203.0.113.7', 'far'],
  ['[2001:db8::1]', 'far'],
  ['10.example.org', 'far'],
  ['localhost.example.org', 'far'],
])('%s is %s', (host, want) => {
  expect(addressScope(new URL(`http://${host}/`).hostname)).toBe(want)
})

test.each([
  ['http://updates.example.org', 'http://cdn.example.org', true],
  ['http://updates.example.org', 'http://127.0.0.1', false],
  ['http://updates.example.org', 'http://192.168.0.1', false],
  ['http://192.168.0.1', 'http://10.0.0.1', true],
  ['http://127.0.0.1:1', 'http://127.0.0.1:2', true],
  ['http://127.0.0.1', 'http://169.254.169.254', false],
  ['http://169.254.1.1:80', 'http://169.254.1.1/other', true],
])('%s may lead to %s: %s', (from, to, want) => {
  expect(isRedirectAllowed(new URL(from), new URL(to))).toBe(want)
})
