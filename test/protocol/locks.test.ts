/** etcd's keys and FleetLock: what is rendered is read again, for anything that may be said in them. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isGroupName } from '../../src/documents/paths.ts'
import { parseEtcdPut, renderValue } from '../../src/locks/http/etcd-value.ts'
import { parseFleetLock } from '../../src/locks/http/fleet.ts'
import { compareIds, isHolderId } from '../../src/locks/semaphore.ts'

const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter(isHolderId)

test('a rendered value parses back to the same value', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.option(fc.uniqueArray(id, { maxLength: 20 })), (max, ids) => {
      const holders = ids && [...ids].sort(compareIds)
      const value = renderValue({
        max,
        holders: holders?.map((one) => ({ id: one, via: 'locksmith', since: '' })) ?? null,
      })
      const body = new URLSearchParams({ value }).toString()
      expect(parseEtcdPut(new URLSearchParams('prevIndex=7'), body)).toEqual({
        kind: 'swap',
        index: 7n,
        written: { max, holders: holders ?? [] },
      })
      expect(value).toMatch(ids === null ? /"holders":null}$/ : /"holders":\[.*\]}$/)
    }),
  )
})

test('no PUT body makes the parser throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.json(), (query, body, value) => {
      for (const sent of [body, `value=${body}`, new URLSearchParams({ value }).toString()])
        for (const request of [query, 'prevExist=false', 'prevIndex=1'])
          expect(['problem', 'create', 'swap']).toContain(parseEtcdPut(new URLSearchParams(request), sent).kind)
    }),
  )
})

test('a rendered FleetLock body parses back to the same values', () => {
  const group = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.-]{0,20}$/).filter(isGroupName)
  fc.assert(
    fc.property(id, group, (client, of) => {
      expect(parseFleetLock(JSON.stringify({ client_params: { id: client, group: of } }))).toEqual({
        id: client,
        group: of,
      })
    }),
  )
})
