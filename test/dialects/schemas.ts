/** Answers as clients of each protocol need them: strict, so that nothing is written that no protocol has. */
import { SaxesParser } from 'saxes'
import * as v from 'valibot'

const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const absolute = v.pipe(v.string(), v.url())
const size = v.pipe(v.number(), v.integer(), v.minValue(1))
const maybe = v.exactOptional
const ack = v.strictObject({ status: v.literal('ok') })
const days = { elapsed_days: v.pipe(v.number(), v.integer(), v.minValue(1)) }

const refused = (...statuses: readonly string[]) =>
  v.strictObject({ status: v.picklist(statuses), info: maybe(v.string()) })
const failures = ['noupdate', 'error-internal', 'error-hash', 'error-osnotsupported', 'error-hwnotsupported'] as const

const shared = {
  appid: v.string(),
  cohort: maybe(v.pipe(v.string(), v.regex(/^[ -~]{0,1024}$/))),
  data: maybe(
    v.array(
      v.strictObject({
        ...{ name: v.string(), index: v.string() },
        status: v.picklist(['ok', 'error-invalidargs', 'error-nodata']),
      }),
    ),
  ),
}
const server = v.string()

const full3 = v.strictObject({ codebase: absolute })
const update3 = v.strictObject({
  status: v.literal('ok'),
  urls: v.strictObject({ url: v.tupleWithRest([full3], v.union([full3, v.strictObject({ codebasediff: absolute })])) }),
  manifest: v.strictObject({
    ...{ version: v.string(), prodversionmin: maybe(v.string()), run: maybe(v.string()), arguments: maybe(v.string()) },
    packages: v.strictObject({
      package: v.pipe(
        v.array(
          v.strictObject({
            ...{ name: v.string(), hash_sha256: sha256, size, fp: maybe(v.string()), required: v.boolean() },
            ...{ namediff: maybe(v.string()), hashdiff_sha256: maybe(sha256), sizediff: maybe(size) },
          }),
        ),
        v.minLength(1),
      ),
    }),
  }),
})
export const response3 = v.strictObject({
  response: v.strictObject({
    ...{ protocol: v.pipe(v.string(), v.startsWith('3.')), server, daystart: v.strictObject(days) },
    app: v.array(
      v.strictObject({
        ...shared,
        status: v.picklist(['ok', 'restricted', 'error-unknownApplication', 'error-invalidAppId']),
        updatecheck: maybe(v.union([update3, refused(...failures)])),
        event: maybe(v.array(ack)),
      }),
    ),
  }),
})

const digest = v.strictObject({ sha256 })
const operation = v.variant('type', [
  v.strictObject({
    ...{ type: v.literal('download'), size, out: digest },
    urls: v.pipe(v.array(v.strictObject({ url: absolute })), v.minLength(1)),
  }),
  ...(['puff', 'zucc'] as const).map((kind) =>
    v.strictObject({ type: v.literal(kind), previous: digest, out: digest }),
  ),
  v.strictObject({ type: v.literal('crx3'), in: digest, path: maybe(v.string()), arguments: maybe(v.string()) }),
  v.strictObject({ type: v.literal('run'), path: v.string(), arguments: maybe(v.string()) }),
])
const update4 = v.strictObject({
  ...{ status: v.literal('ok'), nextversion: v.string() },
  pipelines: v.pipe(
    v.array(v.strictObject({ pipeline_id: maybe(v.string()), operations: v.pipe(v.array(operation), v.minLength(1)) })),
    v.minLength(1),
  ),
})
export const response4 = v.strictObject({
  response: v.strictObject({
    ...{ protocol: v.pipe(v.string(), v.startsWith('4.')), server, daystart: v.strictObject(days) },
    apps: v.array(
      v.strictObject({
        ...shared,
        status: v.picklist(['ok', 'restricted', 'error-unknownApplication']),
        updatecheck: maybe(v.union([update4, refused(...failures, 'error-inexpressible')])),
        events: maybe(v.array(ack)),
      }),
    ),
  }),
})

const gupdateCheck = v.union([
  v.object({ status: v.literal('noupdate') }),
  v.object({
    ...{
      status: v.literal('ok'),
      codebase: absolute,
      version: v.pipe(v.string(), v.minLength(1)),
      hash_sha256: sha256,
    },
    size: v.pipe(v.string(), v.regex(/^[1-9]\d*$/)),
  }),
])

/** The apps of a gupdate answer. @throws where Chromium would install nothing, or the XML is not well-formed. */
export function readGupdate(text: string): readonly string[] {
  const apps: string[] = []
  const parser = new SaxesParser({ xmlns: true })
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name, uri, attributes }) => {
    if (uri !== 'http://www.google.com/update2/response') throw new Error(`namespace ${uri} of ${name}`)
    const plain = Object.fromEntries(Object.entries(attributes).map(([key, { value }]) => [key, value]))
    if (name === 'gupdate' && plain.protocol !== '2.0') throw new Error(`protocol ${plain.protocol}`)
    if (name === 'app') apps.push(plain.appid ?? '')
    if (name === 'updatecheck') v.parse(gupdateCheck, plain)
  })
  parser.write(text).close()
  return apps
}
