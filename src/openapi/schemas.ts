/** Schemas of valibot as JSON Schema 2020-12, which is that of OpenAPI 3.1. */
import { type ConversionConfig, toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema'
import { exactOptional, type GenericSchema, type LazySchema } from 'valibot'
import type { Shape } from '../checks/described.ts'

type Named = Readonly<Record<string, GenericSchema>>

const config: ConversionConfig = {
  target: 'draft-2020-12',
  // A pipe ends with what validates; what only code can say is left out.
  ...{ typeMode: 'output', errorMode: 'ignore' },
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  overrideSchema: ({ valibotSchema }) => (isLazy(valibotSchema) ? allForms(valibotSchema) : undefined),
}

/** All at once: each conversion by itself would convert everything that has a name. @param named others refer to these. */
export function converter(named: Named) {
  const waiting: { readonly schema: GenericSchema; readonly into: object }[] = []
  return {
    /** @returns what `finish` fills in. */
    convert: (shape: Shape): object => {
      if (!isSchema(shape)) return shape
      const into = {}
      waiting.push({ schema: shape, into })
      return into
    },
    /** @returns those with names. */
    finish: (): Readonly<Record<string, object>> => {
      // An object of its own for each, so that none refers to another.
      const others = waiting.map(({ schema }, i) => [`~${i}`, exactOptional(schema)] as const)
      const all = toJsonSchemaDefs({ ...named, ...Object.fromEntries(others) }, config)
      for (const [i, { into }] of waiting.entries()) Object.assign(into, all[`~${i}`])
      return Object.fromEntries(Object.entries(all).filter(([name]) => Object.hasOwn(named, name)))
    },
  }
}

const isSchema = (shape: Shape): shape is GenericSchema => '~run' in shape

const isLazy = (schema: object): schema is LazySchema<GenericSchema> => 'type' in schema && schema.type === 'lazy'

/** A lazy schema of this code base chooses between a text and objects, one of them with packages. */
const allForms = ({ getter }: LazySchema<GenericSchema>): object => ({
  anyOf: [...new Set(['', {}, { packages: [] }].map((form) => getter(form)))].map((form) => {
    const { $schema: _, ...schema } = toJsonSchema(form, config)
    return schema
  }),
})
