/** The stylesheet of the page of reboot locks: that of all pages, and its own. Its name holds its digest. */
import { textDigest } from '../kernel/digest.ts'
import { toolStyle } from '../private-pages/page.ts'
import { style as base } from '../site/pages/style.ts'

export const style = `${base}
${toolStyle}
h1,h2,td{overflow-wrap:anywhere}td code{display:inline-block;min-width:9rem}td a{display:inline-block;min-height:1.5rem}
.danger button{background:var(--bad)}.scroll time{white-space:nowrap}
@media print{.tools form{display:none}}
`

export const stylePath = `/locks/${textDigest(style).slice(0, 16)}.css`
