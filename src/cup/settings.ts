/** Settings of CUP. */
import { parseJsonObject } from '../kernel/json.ts'
import { noFile, setting } from '../kernel/setting.ts'

export type CupSource = { readonly file: string } | { readonly text: string }

/** @throws Error that repeats no key. */
function parseSource(text: string): CupSource {
  if (/^file:./s.test(text)) return { file: text.slice('file:'.length) }
  if (parseJsonObject(text)) return { text }
  throw new Error('is neither a JWK Set nor file:PATH')
}

const doc = 'the CUP keys that prove answers to browsers: `file:PATH`, or the JWK Set itself (on Workers and Lambda)'

export const cupSettings = {
  cupKeys: setting('PLATTE_CUP_KEYS', doc, parseSource, {
    needs: 'cup',
    secret: true,
    inFunction: noFile('set it to the JWK Set itself'),
  }),
}
