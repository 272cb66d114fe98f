/** `/openapi.json`: the routes that this deployment has. Workers and Lambda do not carry it. */
import type { Describers } from '../checks/described.ts'
import { type Feature, hasFeature, type Serving } from '../checks/serving.ts'
import { matches } from '../http/credentials.ts'
import { refuseMethod } from '../http/problem.ts'
import { textDigest } from '../kernel/digest.ts'

type Load = () => Promise<{ readonly describers: Describers }>

const path = '/openapi.json'

/** @param load what describes the rooms that this deployment may have. */
export const openapiFeature = (load: Load): Feature<object> => ({
  name: 'openapi',
  open: async () => {
    /** For the first request. */
    let made: Promise<string> | undefined
    return {
      name: 'openapi',
      mount: (app, serving) => {
        app.get(path, async (c) => {
          made ??= make(load, serving)
          const text = await made
          const headers = {
            'content-type': 'application/json',
            'cache-control': 'no-cache',
            'access-control-allow-origin': '*',
            etag: `"${textDigest(text)}"`,
          }
          const isKnown = matches(c.req.header('if-none-match'), headers.etag)
          return isKnown ? c.body(null, 304, headers) : c.body(text, 200, headers)
        })
        app.all(path, (c) => refuseMethod(c, 'GET, HEAD'))
      },
    }
  },
})

async function make(load: Load, serving: Serving): Promise<string> {
  const { toOpenApi } = await import('./document.ts')
  const { describeAlways } = await import('./always.ts')
  const { describers } = await load()
  const on = Object.entries(describers).filter(([name]) => hasFeature(serving, name))
  const rooms = await Promise.all(on.map(([, room]) => room()))
  const all = [...describeAlways(serving), ...rooms.map(({ describe }) => describe(serving))]
  return JSON.stringify(toOpenApi(all, serving.publicUrl))
}
