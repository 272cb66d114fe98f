/** The kinds of servers that `adopt` takes beside Platte, by the word before their place. */
import { PlatteError } from '../kernel/errors.ts'
import type { Opening, Upstream } from './offer.ts'
import { openOmaha } from './omaha/upstream.ts'

const kinds: Readonly<Record<string, (place: string, opening: Opening) => Upstream>> = {
  omaha: openOmaha,
}

/** Whether a text names a server of these kinds, such as `omaha:https://updates.example.org/v1/update/`. */
export const isOtherServer = (text: string): boolean => Object.hasOwn(kinds, wordOf(text))

const wordOf = (text: string): string => text.split(':')[0] ?? ''

/** @throws PlatteError('usage') for an unknown kind, or a URL that is not valid. */
export function openUpstream(text: string, opening: Opening): Upstream {
  const open = isOtherServer(text) ? kinds[wordOf(text)] : undefined
  if (open) return open(text.slice(wordOf(text).length + 1), opening)
  throw new PlatteError('usage', `unknown kind of upstream: it must begin with ${Object.keys(kinds).join(': or ')}:`, {
    hint: 'write it like omaha:https://updates.example.org/v1/update/',
  })
}
