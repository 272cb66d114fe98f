import { expect, test } from 'vitest'
import { omahaErrorCode, omahaErrorName } from '../../src/checks/omaha/omaha.ts'

test.each([
  [0, 'success'],
  [4, 'filesystem-copier'],
  [5, 'postinstall'],
  [9, 'download-transfer'],
  [10, 'payload-hash'],
  [11, 'payload-size'],
  [12, 'payload-verification'],
  [14, 'download-write'],
  [15, 'rootfs-verification'],
  [17, 'unsigned-payload'],
  [18, 'bad-signature'],
  [21, 'bad-magic'],
  [29, 'operation-hash'],
  [30, 'empty-response'],
  [31, 'bad-xml'],
  [34, 'invalid-response'],
  [40, 'deferred-by-back-off'],
  [42, 'pcr-policy-verification'],
  [43, 'pcr-policy-http'],
  [44, 'rollback'],
  [45, 'code 45'],
  [1999, 'code 1999'],
  [2000, 'no-http-answer'],
  [2001, 'http 1'],
  [2404, 'http 404'],
  [2998, 'http 998'],
  [2999, 'odd-http-code'],
  [3000, 'code 3000'],
])('base %i is %s', (base, name) => {
  expect(omahaErrorName(base)).toBe(name)
})

test.each([
  ['no flags', 44, 44],
  ['an own server', 44 + 2 ** 28, 44],
  ['an own server, a resumed download', 9 + 2 ** 28 + 2 ** 30, 9],
  ['developer mode, signed', 44 - 2 ** 31, 44],
  ['developer mode, unsigned', 44 + 2 ** 31, 44],
  ['every flag', -(2 ** 28) + 2307, 2307],
])('%s', (_, code, base) => {
  expect(omahaErrorCode(code)).toStrictEqual({ base, name: omahaErrorName(base) })
})
