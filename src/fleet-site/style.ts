/** The stylesheet of the fleet's pages: that of all pages, and theirs. Its name holds its digest. */
import { textDigest } from '../kernel/digest.ts'
import { toolStyle } from '../private-pages/page.ts'
import { style as base } from '../site/pages/style.ts'

const light = '--v0:#1f6fb4;--v1:#d1762c;--v2:#2f8f5b;--v3:#8a5bb5;--v4:#b8a12a;--v5:#3b9fb5;--v6:#b9497d;--v7:#8b95a1'
const dark = '--v0:#5aa5e6;--v1:#e99a58;--v2:#5cbf88;--v3:#b391dc;--v4:#d9c45c;--v5:#6cc6da;--v6:#e07fae;--v7:#76818d'
const eight = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `.v${i}{fill:var(--v${i});background:var(--v${i})}`).join('')

export const style = `${base}
:root{${light};--waybg:#e3eefa}@media(prefers-color-scheme:dark){:root{${dark};--waybg:#14304d}}
.state.way{background:var(--waybg);color:var(--accent)}
${eight}
.s-good{fill:var(--v2);background:var(--v2)}.s-way{fill:var(--v0);background:var(--v0)}.s-wait{fill:var(--v4);background:var(--v4)}.s-bad{fill:var(--bad);background:var(--bad)}.s-none{fill:var(--v7);background:var(--v7)}
.dot{display:inline-block;width:.7rem;height:.7rem;border-radius:.15rem;margin-inline-end:.4rem}
.chart{margin:.75rem 0}.chart svg{display:block;width:100%;height:11rem;overflow:visible}.card .chart svg{height:6rem}
.chart .top{margin:0;font-size:.75rem;color:var(--soft)}
.chart .ends{display:flex;justify-content:space-between;margin:.2rem 0 0;font-size:.75rem;color:var(--soft)}
.grid,.now,.line{fill:none;vector-effect:non-scaling-stroke}.grid{stroke:var(--line)}.now{stroke:var(--soft);stroke-dasharray:2 3}
.line{background:none;stroke-width:2.5}.line.p{stroke:var(--soft);stroke-dasharray:6 4}.line.o{stroke:var(--v0)}.line.i{stroke:var(--v1)}.line.d{stroke:var(--v2)}
.dot.p{background:var(--soft)}.dot.o{background:var(--v0)}.dot.i{background:var(--v1)}.dot.d{background:var(--v2)}
.bar{display:block;width:100%;height:.6rem;border-radius:.3rem;margin:.6rem 0 .4rem}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1rem;list-style:none;margin:.25rem 0;padding:0;font-size:.875rem}.legend li{overflow-wrap:anywhere}.legend b{font-variant-numeric:tabular-nums}
.big{font-size:1.35rem;font-weight:650;margin:.1rem 0}
.two{display:grid;gap:0 2.5rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr))}
h1,h2,h3,td{overflow-wrap:anywhere}.sheet+.scroll,.sheet+table{margin-top:1rem}
.machines td:first-child{min-width:15.8rem}.machines td:nth-child(2){min-width:4.5rem}.machines td:nth-child(3){min-width:5.5rem}.machines td:nth-child(4){min-width:9rem}
nav+.sheet{margin-top:.6rem}@media(min-width:44.01rem){.machines .ago{display:block}}
@media(max-width:44rem){.machines td[data-label]:before{content:attr(data-label) " ";color:var(--soft)}.machines thead{position:absolute;left:-100rem}.machines tr{display:block;padding:.6rem 0;border-bottom:1px solid var(--line)}.machines td{display:inline-block;border:0;padding:0 .75rem 0 0}.machines td:first-child{display:block}}
.steps{list-style:none;margin:0;padding:0}.steps li{padding:.45rem 0 .45rem 1.25rem;border-inline-start:3px solid var(--line);position:relative}.steps .dot{position:absolute;inset-inline-start:-.5rem;top:.85rem;width:.8rem;height:.8rem;border-radius:50%;margin:0}
.steps time{font-size:.875rem}
.dot{-webkit-print-color-adjust:exact;print-color-adjust:exact}@media print{.tools form{display:none}h2{break-after:avoid}}
${toolStyle}
`

export const stylePath = `/fleet/${textDigest(style).slice(0, 16)}.css`
