/** CoreUpdate's lists over a store with more channels than one request may read. */
import { beforeAll, expect, test } from 'vitest'
import { appOf } from '../served.ts'
import { app, forgeCatalog, newStore, publishOne } from '../world.ts'

let get: (path: string) => Promise<Response>
beforeAll(async () => {
  const store = await newStore()
  await publishOne(store, '1')
  await forgeCatalog(store, (catalog) => {
    const stable = catalog.apps[app]?.channels.stable
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`c${i}`, stable]))
    const issuedAt = new Date(Date.parse(catalog.issuedAt) + 1).toISOString()
    return { ...catalog, issuedAt, apps: { ...catalog.apps, many: { channels: many } } }
  })
  const served = appOf(store.publisher)
  get = async (path) => served.request(`/_ah/api/update/v1/${path}`)
})

test.each([
  ['apps', /"many"/],
  [`apps/${app}/groups`, /"stable"/],
  [`apps/${app}/packages`, /"total":1/],
  ['upstream', /\[\]/],
])('%s needs no channel of another app', async (path, content) => {
  const answer = await get(path)
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringMatching(content)])
})

test('a list of all says to repeat the command, and then goes on from where it was', async () => {
  const answers = [await get('public/channels'), await get('public/channels'), await get('public/channels')]
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 200])
  expect(await answers[0]?.text()).toMatch(/repeat the command/)
})
