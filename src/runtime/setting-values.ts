/** What the texts of settings mean. Each reader throws an Error that says what is wrong; `config.ts` names the variable. */
import * as v from 'valibot'
import { appName, durationMs, isDuration, longDuration } from '../documents/fields.ts'
import { parseOverlay } from '../documents/overlay.ts'
import { type Want, wants } from '../mirroring/mirror-pass.ts'
import { parsePolicy } from '../publish-api/policy-document.ts'
import type { Overlay } from '../release/overlay.ts'
import { shown } from './store-setting.ts'

/** Where a private key is: a file, or the name of a variable that holds it (`env://NAME`). */
export type KeySource = { readonly file: string } | { readonly variable: string }

/** An overlay, or the file that has it. */
export type OverlaySource = { readonly overlay: Overlay } | { readonly file: string }

/** Reads where a key is. */
export function parseKeySource(text: string): KeySource {
  // JSON, PEM, or the private number alone: never to be repeated in a message as if it were the name of a file.
  if (/[{"\n]|-----|^[A-Za-z0-9+_=-]{40,}$/.test(text))
    throw new Error('holds a key itself: use a file, or env://NAME for a variable that holds it')
  if (!text.startsWith('env://')) return { file: text }
  const variable = text.slice('env://'.length)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new Error('names no variable: use a file, or env://NAME')
  return { variable }
}

/** Reads an app: its Omaha id, in braces or without. */
export function parseApp(text: string): string {
  const result = v.safeParse(appName, text.replace(/^\{(.*)\}$/, '$1').toLowerCase())
  if (result.success) return result.output
  throw new Error(`${JSON.stringify(text.slice(0, 80))} ${result.issues[0].message}`)
}

/** Reads a URL that clients use. */
export function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.username || url?.password) throw new Error('holds credentials: a public URL is without')
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || /[?#]/.test(url.href))
    throw new Error(`${shown(text)} is not a plain http(s) URL, such as https://updates.example.org`)
  return url.href.replace(/\/+$/, '')
}

/** Reads an overlay, or where it is. */
export const parseOverlaySource = (text: string): OverlaySource =>
  text.trimStart().startsWith('{') ? { overlay: parseOverlay(text) } : { file: text }

/** Reads which packages are mirrored. */
export function parseWant(text: string): Want {
  const want = wants.find((one) => one === text)
  if (want === undefined) throw new Error(`${JSON.stringify(text.slice(0, 80))} is none of ${wants.join(', ')}`)
  return want
}

/** Who needs more must refresh. */
const mostStale = '366d'

/** Reads how long an expired catalog is read, in milliseconds. */
export function parseStale(text: string): number {
  const duration = longDuration(text)
  if (isDuration(duration) && durationMs(duration) <= durationMs(longDuration(mostStale))) return durationMs(duration)
  throw new Error(`${JSON.stringify(text.slice(0, 80))} is no duration of at most ${mostStale}, such as 45d`)
}

/** A setting that is on or off. */
export const oneWord =
  <Word extends string>(word: Word) =>
  (text: string): Word | undefined => {
    if (text !== word && text !== 'off')
      throw new Error(`${JSON.stringify(text.slice(0, 80))} is neither ${word} nor off`)
    return text === word ? word : undefined
  }

/** Reads a port; 0 takes any that is free. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= 65_535)) throw new Error(`${JSON.stringify(text.slice(0, 80))} is no port (0 to 65535)`)
  return port
}

/** Where a policy is: in the setting itself, or in a file. */
export type PolicySource = { readonly file: string } | { readonly text: string }

/** @throws Error for what is neither. */
export function parsePolicySource(text: string): PolicySource {
  if (text.startsWith('file:') && text.length > 'file:'.length) return { file: text.slice('file:'.length) }
  if (!text.startsWith('{')) throw new Error('is neither a policy as JSON nor file:PATH')
  parsePolicy(text)
  return { text }
}

/** A setting that is on unless it says otherwise. */
export const offWord = (text: string): 'off' | undefined => (oneWord('on')(text) === 'on' ? undefined : 'off')
