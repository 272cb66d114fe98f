/** The lists of gates and hooks that settings name. */
import * as v from 'valibot'
import type { FeatureContext } from '../checks/serving.ts'
import * as field from '../documents/fields.ts'
import { isGroupName } from '../documents/paths.ts'
import { messageOf, PlatteError, problemOf } from '../kernel/errors.ts'
import { parseTargetUrl, type TextSource } from '../kernel/setting.ts'

const maxListBytes = 256 * 1024
const maxGates = 100
const maxHooks = 100

/** Of which groups; of all without. */
const groups = v.exactOptional(
  v.pipe(v.array(v.pipe(v.string(), v.check(isGroupName, 'must be the name of a group'))), v.minLength(1)),
)

const url = v.pipe(
  v.string(),
  v.maxLength(2000),
  v.rawCheck(({ dataset, addIssue }) => {
    try {
      if (dataset.typed) parseTargetUrl(dataset.value)
    } catch (error) {
      addIssue({ message: problemOf(error) })
    }
  }),
)

const gate = v.pipe(
  v.strictObject({
    /** Machines and people see it. */
    name: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -')),
    groups,
    url: v.exactOptional(url),
    prometheus: v.exactOptional(url),
    query: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(4000))),
    /** Sent as `Authorization: Bearer`. */
    token: v.exactOptional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,4000}$/, 'must be visible ASCII characters'))),
    onFailure: v.exactOptional(v.picklist(['closed', 'open'])),
  }),
  v.check(
    ({ url, prometheus, query }) =>
      url === undefined ? prometheus !== undefined && query !== undefined : (prometheus ?? query) === undefined,
    'needs a url, or prometheus with a query',
  ),
)

const gateList = v.pipe(
  v.array(gate),
  v.maxLength(maxGates),
  v.check((list) => field.areDistinct(list.map(({ name }) => name)), 'two gates have the same name'),
)

const hookList = v.pipe(
  v.array(v.strictObject({ url, groups })),
  v.maxLength(maxHooks),
  v.check((list) => field.areDistinct(list.flatMap(({ groups = [''] }) => groups)), 'a group has two hooks'),
)

export type Gate = v.InferOutput<typeof gate>
export type Hook = v.InferOutput<typeof hookList>[number]

type ReadText = FeatureContext['readText']

/** @throws PlatteError('configuration') naming the entry and what is wrong with it. */
export const readGates = (source: TextSource, readText: ReadText): Promise<readonly Gate[]> =>
  readList('PLATTE_LOCK_GATES', gateList, source, readText)

/** @throws as `readGates`. */
export const readHooks = (source: TextSource, readText: ReadText): Promise<readonly Hook[]> =>
  readList('PLATTE_LOCK_HOOKS', hookList, source, readText)

type ListSchema<List> = Parameters<typeof field.check<List>>[0]

async function readList<List>(variable: string, schema: ListSchema<List>, source: TextSource, readText: ReadText) {
  const name = 'file' in source ? `${variable}: ${source.file}` : variable
  let value: unknown
  try {
    value = JSON.parse('file' in source ? await readText(source.file, maxListBytes) : source.text)
  } catch (cause) {
    // What JSON.parse says repeats the text, which may hold a token.
    const words = cause instanceof SyntaxError ? 'is not JSON' : messageOf(cause)
    throw new PlatteError('configuration', `${name}: ${words}`, { cause })
  }
  return field.check(schema, name, value, 'configuration', (path) =>
    path.replace(/^(\d+)/, (i) => `number ${Number(i) + 1}`),
  )
}

/** The hook of a group: its own, or the one for all. */
export const hookOf = (hooks: readonly Hook[], group: string): Hook | undefined =>
  hooks.find(({ groups }) => groups?.includes(group)) ?? hooks.find(({ groups }) => groups === undefined)
