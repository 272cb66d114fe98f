/** Prints the queries of infra/grafana/platte.json as rules, so that promtool can say whether they are correct. */
import { readFileSync } from 'node:fs'

interface Panel {
  readonly targets?: readonly { readonly expr: string }[]
}

const { panels }: { readonly panels: readonly Panel[] } = JSON.parse(readFileSync('infra/grafana/platte.json', 'utf8'))
const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
// Grafana's own variables stand for durations; lists stand in quotes, where any text is correct.
const rules = exprs.map((expr, i) => ({ record: `panel:${i}`, expr: expr.replaceAll('$__rate_interval', '5m') }))
process.stdout.write(JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
