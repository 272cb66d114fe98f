/**
 * Checks infra/grafana/platte.json against Grafana's own types, with the TypeScript compiler. Grafana publishes no JSON schema.
 * Run by .ci/grafana: node test/grafana/check.ts FOLDER, where the package @grafana/schema is in FOLDER/node_modules.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const raw = '@grafana/schema/dist/esm/raw/composable'

/** In JSON, members of enums are their values. */
const types = `
import type { AnnotationQuery, Dashboard, DataQuery, Panel, RowPanel } from '@grafana/schema'
import type { FieldConfig, Options as TimeSeries } from '${raw}/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'
import type { Options as Stat } from '${raw}/stat/panelcfg/x/StatPanelCfg_types.gen'

type Plain<T> = T extends string
  ? (string extends T ? T : \`\${T}\`)
  : T extends number
    ? (number extends T ? T : \`\${T}\` extends \`\${infer N extends number}\` ? N : T)
    : T extends readonly (infer E)[]
      ? Plain<E>[]
      : T extends object
        ? { [K in keyof T]: Plain<T[K]> }
        : T
/** The package knows no queries of Prometheus. */
type Query = DataQuery & { expr: string }
type Board = Omit<Dashboard, 'annotations'> & { annotations: { list: AnnotationQuery<Query>[] } }
type PanelOf<Type, Options, Custom = {}> = Omit<Panel<Options, Custom>, 'type' | 'options'> & { type: Type; options: Options }
`

/** Panels by their type, each with the types of its plugin. */
const panelTypes: Readonly<Record<string, string>> = {
  row: 'RowPanel',
  stat: "PanelOf<'stat', Stat>",
  timeseries: "PanelOf<'timeseries', TimeSeries, FieldConfig>",
}

interface Typed {
  readonly type: string
}

function sourceOf({ panels, ...board }: { readonly panels: readonly Typed[] }): string {
  const values = Object.entries(Object.groupBy(panels, ({ type }) => type)).map(([type, some]) => {
    const name = panelTypes[type]
    if (name === undefined) throw new Error(`a panel of the type ${type} is not checked yet: name its types here`)
    return `export const ${type}: Plain<${name}>[] = ${JSON.stringify(some, undefined, 1)}\n`
  })
  return `${types}\nexport const board: Plain<Board> = ${JSON.stringify(board, undefined, 1)}\n${values.join('')}`
}

const work = mkdtempSync(join(resolve(process.argv[2] ?? ''), 'check-'))
const options = ['--strict', '--exactOptionalPropertyTypes', 'false', '--noEmit', '--skipLibCheck', '--ignoreConfig']
try {
  const file = join(work, 'dashboard.ts')
  writeFileSync(file, sourceOf(JSON.parse(readFileSync('infra/grafana/platte.json', 'utf8'))))
  const resolution = ['--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2024', '--types', '']
  execFileSync('node_modules/.bin/tsc', [...options, ...resolution, file], { stdio: ['ignore', 'inherit', 'inherit'] })
} catch {
  process.exitCode = 1
} finally {
  rmSync(work, { recursive: true })
}
