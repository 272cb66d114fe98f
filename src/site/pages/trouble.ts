/** What is wrong, and what to do: on top of every page that shows what is offered. */

import type { Problem } from '../../catalog/channels.ts'
import type { Reason } from '../../release/decide.ts'
import { type Html, none, part } from './fragments.ts'
import type { PageContext } from './page-context.ts'
import type { Words } from './words-en.ts'

/** Nothing where all is well. */
export function trouble({ status: { problem, problems, state }, words }: PageContext): Html {
  if (problem === undefined && problems.length === 0) return none
  const list = problems.map((one) => part`<li lang="en">${one}</li>\n`)
  if (problem === undefined)
    return part`<section class="note" aria-label="${words.trouble.attention}"><h2>${words.trouble.attention}</h2><ul>${list}</ul></section>`
  return part`<section class="note bad" role="alert"><h2>${words.trouble.heading}${words.colon}${words.reasons[problem.reason]}</h2>
<p>${remedy(problem.reason, words)}</p><ul>${list}</ul>${state ? part`<p>${words.trouble.stale}</p>` : none}</section>`
}

/** What is wrong with one channel. */
export const channelTrouble = ({ reason }: Problem, words: Words): Html =>
  part`<section class="note bad" role="alert"><h2>${words.trouble.channel}${words.colon}${words.reasons[reason]}</h2>
<p>${remedy(reason, words)}</p></section>`

function remedy(reason: Reason, { trouble: { remedies } }: Words): string {
  return reason in remedies ? remedies[reason as keyof typeof remedies] : remedies.other
}
