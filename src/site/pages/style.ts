/** The one stylesheet. Its name holds its digest, so it may be kept for ever. */
import { textDigest } from '../../kernel/digest.ts'

export const style = `
:root{color-scheme:light dark;--ink:#16202b;--soft:#566270;--line:#d8dee5;--ground:#f6f7f9;--sheet:#fff;--accent:#0b5fae;--good:#17692f;--goodbg:#e3f3e7;--wait:#7a4b00;--waitbg:#fdf0d5;--bad:#a3161f;--badbg:#fde8e8;--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ef;--soft:#9dabb9;--line:#2d3843;--ground:#10161c;--sheet:#18212a;--accent:#7db8f5;--good:#7fd696;--goodbg:#16321f;--wait:#f0c063;--waitbg:#372a0c;--bad:#ff9a9a;--badbg:#431a1d}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
a{color:var(--accent);text-underline-offset:.15em}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,summary:focus-visible,pre:focus-visible,.scroll:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.skip{position:absolute;left:-100rem}.skip:focus{left:1rem;top:.5rem;background:var(--sheet);padding:.5rem 1rem;z-index:1}
body>header,main,body>footer{width:min(100% - 2.5rem,70rem);margin:0 auto}
body>header{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;padding-block:1rem;border-bottom:1px solid var(--line)}
body>header .mark{font-weight:650;letter-spacing:-.01em;color:var(--ink);text-decoration:none;margin-inline-end:auto}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0}
nav a{text-decoration:none;display:inline-block;min-height:1.5rem}nav a:hover{text-decoration:underline}nav a[aria-current]{color:var(--ink);font-weight:600}
main{padding-block:1.75rem 3rem;overflow-wrap:break-word}
body>footer{border-top:1px solid var(--line);padding-block:1rem 2rem;color:var(--soft);font-size:.875rem}
h1{font-size:1.75rem;line-height:1.2;letter-spacing:-.02em;margin:0 0 .35rem}
h2{font-size:1.2rem;line-height:1.3;letter-spacing:-.01em;margin:2.25rem 0 .75rem}
h3{font-size:1.05rem;line-height:1.3;margin:0}
h4{font-size:.95rem;margin:1rem 0 .25rem}
p{margin:.35rem 0}
.lead{color:var(--soft);max-width:46rem;margin:0 0 1rem}
time{white-space:nowrap}.soft,.ago{color:var(--soft)}.ago{font-size:.9em;white-space:nowrap}
code,pre,.mono{font-family:var(--mono);font-size:.875em}
code{overflow-wrap:anywhere}
pre{user-select:all;background:var(--ground);border:1px solid var(--line);border-radius:.375rem;padding:.75rem;overflow:auto;margin:.5rem 0}
.card>.facts{display:block;border-top:1px solid var(--line);margin-top:.75rem;padding-top:.6rem}.facts{display:flex;flex-wrap:wrap;gap:.15rem 1.5rem;list-style:none;margin:0;padding:0;font-size:.875rem;color:var(--soft)}
.note{border-inline-start:4px solid var(--wait);background:var(--waitbg);padding:.6rem 1rem;margin:1rem 0;border-radius:0 .375rem .375rem 0}
.note.bad{border-color:var(--bad);background:var(--badbg)}.note h2{margin:0;font-size:1rem}.note ul{margin:.25rem 0;padding-inline-start:1.2rem}
.bad h2,.error{color:var(--bad)}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,20.5rem),1fr));align-items:start}
.card,.sheet{background:var(--sheet);border:1px solid var(--line);border-radius:.5rem;padding:1rem 1.15rem;min-width:0}
.card>h3{font-size:1.15rem}.card>h3 a{text-decoration:none}.card>h3 a:hover{text-decoration:underline}
.board{border-top:1px solid var(--line);margin-top:.75rem;padding-top:.75rem}
.sheet>.board:first-child{border:0;margin:0;padding:0}.board h3,.board h4{margin:0;font-size:.8rem;font-weight:500;color:var(--soft);display:flex;justify-content:space-between;gap:.5rem;align-items:center}
.version{font-size:1.6rem;font-weight:650;letter-spacing:-.02em;line-height:1.25;font-variant-numeric:tabular-nums;overflow-wrap:anywhere;margin:.1rem 0 0}
.version.rest{font-size:1.2rem}.version.nothing{font-size:1.1rem;color:var(--soft);font-weight:500}
.state{display:inline-block;font-size:.75rem;font-weight:600;border-radius:1rem;padding:.05rem .6rem;background:var(--waitbg);color:var(--wait);white-space:nowrap}.release .state{white-space:normal;overflow-wrap:anywhere}
.state.good{background:var(--goodbg);color:var(--good)}.state.bad{background:var(--badbg);color:var(--bad)}
.small{font-size:.875rem}
.ramp{display:block;width:100%;height:.5rem;margin:.5rem 0 .75rem;border-radius:.25rem;background:var(--line)}.ramp rect{fill:var(--accent)}.ramp.stopped rect{fill:var(--bad)}
.parts{display:flex;flex-wrap:wrap;gap:.1rem 1rem;margin:.6rem 0 0;font-size:.875rem}.parts div{display:flex;gap:.35rem}.parts dt{color:var(--soft)}.parts dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.about{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.25rem;margin:1rem 0;font-size:.9375rem}.about dt{color:var(--soft)}.about dd{margin:0;overflow-wrap:anywhere;min-width:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.875rem}th{text-align:start;font-weight:500;color:var(--soft)}th,td{padding:.3rem 1rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}td.n,th.n{text-align:end;font-variant-numeric:tabular-nums;white-space:nowrap}
.release{margin:0 0 1rem;scroll-margin-top:1rem}.release:target{outline:2px solid var(--accent)}
.release>header{display:flex;flex-wrap:wrap;gap:.15rem .85rem;align-items:baseline}
.release h3{font-size:1.25rem;font-variant-numeric:tabular-nums}.release h3 a{color:inherit;text-decoration:none}
.path{display:flex;flex-wrap:wrap;list-style:none;margin:.5rem 0 0;padding:0;font-size:.875rem}.path li+li:before{content:"→";margin:0 .6rem;color:var(--soft)}
.notes{max-width:46rem;overflow-wrap:anywhere}.notes pre{white-space:pre-wrap}.notes h4{font-size:1rem}.notes ul,.notes ol{padding-inline-start:1.4rem}.notes table{width:auto;display:block;overflow-x:auto}
summary{cursor:pointer;color:var(--accent);font-size:.9375rem;margin-top:.6rem}
.plain,.plain ul{list-style:none;padding-inline-start:0;margin:0}.plain.sheet{padding:1rem 1.15rem}.plain>li+li{margin-top:.6rem;padding-top:.6rem;border-top:1px solid var(--line)}
.hash{font-size:.8em;color:var(--soft);word-break:break-all}
.timeline{list-style:none;margin:0;columns:20rem;column-gap:2rem;padding:1rem 1.15rem}.timeline li{position:relative;break-inside:avoid;padding:0 0 .6rem 1.4rem;border-inline-start:2px solid var(--line);margin-inline-start:.4rem}.timeline li:before{content:"";position:absolute;inset-inline-start:-.44rem;top:.4rem;width:.75rem;height:.75rem;border-radius:50%;background:var(--accent)}.timeline .soft{display:block}.timeline .gone:before{background:var(--sheet);border:2px solid var(--bad)}.gone>a{text-decoration:line-through}
form{display:grid;gap:.9rem 1.25rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr));align-items:start}
label{display:block;font-size:.875rem;font-weight:500}
input,select{font:inherit;width:100%;margin-top:.2rem;padding:.4rem .6rem;color:var(--ink);background:var(--sheet);border:1px solid var(--soft);border-radius:.375rem}
input[type=checkbox]{width:auto;margin:0 .5rem 0 0}
.wide{grid-column:1/-1}.hint{display:block;font-weight:400;color:var(--soft);font-size:.8125rem}
button{font:inherit;font-weight:600;padding:.45rem 1.4rem;border:0;border-radius:.375rem;background:var(--accent);color:var(--ground);cursor:pointer}
.answer{font-size:1.35rem;font-weight:650;letter-spacing:-.01em;margin:0}
.ask{display:inline-block;margin:.25rem 1.25rem .25rem 0;min-height:1.5rem}
.pager{display:flex;gap:1.5rem;margin-top:1.25rem}
@media(max-width:34rem){.about{grid-template-columns:1fr;gap:0}.about dd{margin-bottom:.5rem}h1{font-size:1.5rem}td,th{padding-inline-end:.7rem}}
@media print{body>header nav,body>footer,.skip,.pager,form{display:none}body{background:#fff;color:#000}.card,.sheet{border-color:#999;break-inside:avoid}details::details-content{content-visibility:visible;block-size:auto}pre{white-space:pre-wrap}}
`.trimStart()

export const stylePath = `/pages/${textDigest(style).slice(0, 16)}.css`

/** Three strands of a braided river. */
export const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5fae"/><g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"><path d="M5 10c7 0 8 12 22 12"/><path d="M5 22c7 0 8-12 22-12"/><path d="M5 16h22"/></g></svg>'

export const iconPath = `/pages/${textDigest(icon).slice(0, 16)}.svg`
