/** Parsers of settings. Each throws an Error with the problem; `settings.ts` adds the name of the setting. */
import * as v from 'valibot'
import { appName, durationMs, isDuration, longDuration } from '../documents/fields.ts'
import { parseOverlay } from '../documents/overlay.ts'
import type { Overlay } from '../release/overlay.ts'

/** Where a private key is: a file, or the name of a variable that holds it (`env://NAME`). */
export type KeySource = { readonly file: string } | { readonly variable: string }

/** An overlay, or the file that has it. */
export type OverlaySource = { readonly overlay: Overlay } | { readonly file: string }

export function parseKeySource(text: string): KeySource {
  // JSON, PEM or the private number alone: messages must not repeat it.
  if (/[{"\n]|-----|^[A-Za-z0-9+_=-]{40,}$/.test(text))
    throw new Error('holds a key itself: use a file, or env://NAME for a variable that holds it')
  if (!text.startsWith('env://')) return { file: text }
  const variable = text.slice('env://'.length)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new Error('names no variable: use a file, or env://NAME')
  return { variable }
}

/** An app's Omaha id, with or without braces. */
export function parseApp(text: string): string {
  const result = v.safeParse(appName, text.replace(/^\{(.*)\}$/, '$1').toLowerCase())
  if (result.success) return result.output
  throw new Error(`${JSON.stringify(text.slice(0, 80))} ${result.issues[0].message}`)
}

export const parseOverlaySource = (text: string): OverlaySource =>
  text.trimStart().startsWith('{') ? { overlay: parseOverlay(text) } : { file: text }

const maxStale = '366d'

/** How long an expired catalog stays in use, in milliseconds. */
export function parseStale(text: string): number {
  const duration = longDuration(text)
  if (isDuration(duration) && durationMs(duration) <= durationMs(longDuration(maxStale))) return durationMs(duration)
  throw new Error(`${JSON.stringify(text.slice(0, 80))} is no duration of at most ${maxStale}, such as 45d`)
}

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= 65_535)) throw new Error(`${JSON.stringify(text.slice(0, 80))} is no port (0 to 65535)`)
  return port
}
