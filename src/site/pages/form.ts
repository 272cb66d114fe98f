/** Forms of pages: one question in the address, no script. */
import { type Html, none, part } from './fragments.ts'
import type { PageContext } from './page-context.ts'

/** Longer than any id, version or address of the field. */
export const maxLength = 256
const maxSuggested = 50

type ByField<Field extends string, T> = Readonly<Partial<Record<Field, T>>>

interface Form<Field extends string> {
  readonly path: string
  readonly fields: readonly Field[]
  readonly labels: Readonly<Record<Field, string>>
  readonly values: Readonly<Record<Field, string>>
  readonly hints: ByField<Field, string>
  /** Fields without choices take any text. */
  readonly choices?: ByField<Field, readonly string[]>
  readonly suggestions: ByField<Field, readonly string[]>
  readonly required: readonly Field[]
  /** Whether all other fields are marked as optional. */
  readonly marksOptional?: true
  readonly more?: Html
  readonly submit: string
}

/** A form that asks its own path, in the chosen language. */
export function form<Field extends string>({ words, fileLink, c }: PageContext, one: Form<Field>): Html {
  const lang = c.req.query('lang') === words.tag ? part`<input type="hidden" name="lang" value="${words.tag}">` : none
  const optional = one.marksOptional ? part` <span class="soft">(${words.explain.optional})</span>` : none
  const fields = one.fields.map((name) => {
    const hint = one.hints[name]
    const below = hint === undefined ? none : part`<span class="hint" id="${name}-hint">${hint}</span>`
    return part`<div><label for="${name}">${one.labels[name]}${one.required.includes(name) ? none : optional}</label>
${control(name, one)}${below}</div>\n`
  })
  return part`<form class="sheet" method="get" action="${fileLink(one.path)}">${lang}
${fields}${one.more ?? none}<div class="wide"><button type="submit">${one.submit}</button></div></form>`
}

function control<Field extends string>(
  name: Field,
  { values, hints, choices, suggestions, required }: Form<Field>,
): Html {
  const value = values[name]
  const described = hints[name] === undefined ? none : part` aria-describedby="${name}-hint"`
  const options = choices?.[name]?.map(
    (one) => part`<option value="${one}"${one === value ? part` selected` : none}>${one}</option>`,
  )
  if (options) return part`<select id="${name}" name="${name}"${described}>${options}</select>`
  const list = suggestions[name]?.slice(0, maxSuggested).map((one) => part`<option value="${one}"></option>`)
  return part`<input type="text" id="${name}" name="${name}" value="${value.slice(0, maxLength)}" maxlength="${maxLength}" autocomplete="off" spellcheck="false"${required.includes(name) ? part` required` : none}${list ? part` list="${name}-list"` : none}${described}>${
    list ? part`<datalist id="${name}-list">${list}</datalist>` : none
  }`
}
