/** Forms of pages: one question in the address, no script. */
import { type Html, none, part } from './fragments.ts'
import type { PageContext } from './page-context.ts'

/** Longer than any id, version or address of the field. */
export const maxLength = 256
/** Names suggested while somebody types. */
const maxSuggested = 50

/** One field. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly value: string
  readonly hint?: string | undefined
  readonly isRequired?: boolean
  /** What may be chosen; without it any text. */
  readonly choices?: readonly string[] | undefined
  /** What is suggested for a text. */
  readonly suggestions?: readonly string[] | undefined
}

interface Form {
  readonly path: string
  readonly fields: readonly Field[]
  /** What stands between the fields and the button. */
  readonly more?: Html
  readonly submit: string
}

/** A form that asks its own path, in the chosen language. */
export function form({ words, link, c }: PageContext, { path, fields, more = none, submit }: Form): Html {
  const lang = c.req.query('lang') === words.tag ? part`<input type="hidden" name="lang" value="${words.tag}">` : none
  return part`<form class="sheet" method="get" action="${link(path).replace(/\?.*$/, '')}">${lang}
${fields.map((one) => field(one, words.explain.optional))}${more}<div class="wide"><button type="submit">${submit}</button></div></form>`
}

function field(one: Field, optional: string): Html {
  const { name, label, hint, isRequired } = one
  const mark = isRequired === false ? part` <span class="soft">(${optional})</span>` : none
  const below = hint === undefined ? none : part`<span class="hint" id="${name}-hint">${hint}</span>`
  return part`<div><label for="${name}">${label}${mark}</label>
${control(one)}${below}</div>\n`
}

function control({ name, value, hint, isRequired, choices, suggestions }: Field): Html {
  const described = hint === undefined ? none : part` aria-describedby="${name}-hint"`
  if (choices)
    return part`<select id="${name}" name="${name}"${described}>${choices.map(
      (one) => part`<option value="${one}"${one === value ? part` selected` : none}>${one}</option>`,
    )}</select>`
  const list = suggestions?.slice(0, maxSuggested).map((one) => part`<option value="${one}"></option>`)
  return part`<input type="text" id="${name}" name="${name}" value="${value.slice(0, maxLength)}" maxlength="${maxLength}" autocomplete="off" spellcheck="false"${isRequired ? part` required` : none}${list ? part` list="${name}-list"` : none}${described}>${
    list ? part`<datalist id="${name}-list">${list}</datalist>` : none
  }`
}
