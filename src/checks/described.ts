/** How a room describes its routes for `/openapi.json`. Nothing here is loaded to answer any other request. */
import type { GenericSchema, ObjectEntries } from 'valibot'
import * as field from '../documents/fields.ts'
import type { ProblemCode } from '../http/problem.ts'
import type { Serving } from './serving.ts'

export type JsonSchema = Readonly<Record<string, unknown>>
/** The schema that validates, or JSON Schema for what is no JSON. */
export type Shape = GenericSchema | JsonSchema
/** A schema for every member of a type: one that is new is missed by the compiler, not by a client. */
export type Entries<Value> = { readonly [Name in keyof Value]-?: ObjectEntries[string] }
/** By media type. */
export type Content = Readonly<Record<string, Shape>>

export interface Parameter {
  readonly about: string
  readonly shape: Shape
  readonly isRequired?: true
  readonly example?: string | number
}

export interface Answer {
  readonly about: string
  readonly content?: Content
  /** What each header says. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Operation {
  /** Unique in the whole document; generated clients name their functions after it. */
  readonly id: string
  readonly summary: string
  readonly about?: string
  readonly query?: Readonly<Record<string, Parameter>>
  readonly headers?: Readonly<Record<string, Parameter>>
  readonly body?: { readonly about?: string; readonly content: Content }
  /** Names of `Described.security`, one of which is needed; `none`: also without. Default: nothing is needed. */
  readonly security?: readonly string[]
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>
  /** Problem documents, beside those of `always`. */
  readonly refuses?: readonly ProblemCode[]
  /** All errors, where the protocol of a client has a form of its own for them. */
  readonly dialect?: Answer & { readonly statuses: readonly number[] }
}

export type Method = 'get' | 'post' | 'put'

/** The routes of a room. HEAD goes with each GET. */
export interface Described {
  readonly name: string
  readonly about: string
  /** Parameters of the paths, by name. */
  readonly names: Readonly<Record<string, Parameter>>
  readonly paths: Readonly<Record<string, Partial<Record<Method, Operation>>>>
  /** Schemas with a name in the document: others refer to the same schema. */
  readonly schemas?: Readonly<Record<string, GenericSchema>>
  /** What some of these mean, by name. */
  readonly meanings?: Readonly<Record<string, string>>
  /** Security schemes of OpenAPI. */
  readonly security?: Readonly<Record<string, JsonSchema>>
}

/** Where a room's description is loaded from, by the name of the feature that mounts its routes. */
export type Describers = Readonly<Record<string, () => Promise<{ readonly describe: (serving: Serving) => Described }>>>

export const text: JsonSchema = { type: 'string' }
export const bytes: JsonSchema = {}
const of = (type: string, shape: Shape = text): Content => ({ [type]: shape })

export const json = (about: string, shape: Shape, headers?: Answer['headers']): Answer => ({
  about,
  content: of('application/json', shape),
  ...(headers && { headers }),
})
export const page = (about: string): Answer => ({ about, content: of('text/html') })
export const plain = (about: string): Answer => ({ about, content: of('text/plain') })
export const jsonBody = (shape: Shape, about?: string) => ({
  content: of('application/json', shape),
  ...(about && { about }),
})

export const etag = 'A strong tag. Send it as `If-None-Match` to get 304 while nothing has changed.'
export const unchanged: Answer = { about: 'The same as what has the tag of `If-None-Match`.', headers: { etag } }
export const conditional: Readonly<Record<string, Parameter>> = {
  'if-none-match': { about: 'Tags of what the client has.', shape: text },
}

/** Of the paths of several rooms. */
export const names = {
  app: {
    about: 'The Omaha id of an app, in lower case and without braces.',
    shape: field.appName,
    example: 'e96281a6-d1af-4bde-9a0a-97b76e56dc57',
  },
  channel: { about: 'A channel, or an alias of one.', shape: { type: 'string', maxLength: 128 }, example: 'stable' },
  board: { about: 'The hardware.', shape: field.boardName, example: 'amd64-usr' },
  version: { about: 'A published version.', shape: field.publishedVersion, example: '4593.2.0' },
} as const satisfies Described['names']
