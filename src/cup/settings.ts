/** Settings of CUP. */
import { parseJsonObject } from '../kernel/json.ts'
import { fileOrText, noFile, setting } from '../kernel/setting.ts'

const doc = 'the CUP keys that prove answers to browsers: `file:PATH`, or the JWK Set itself (on Workers and Lambda)'

export const cupSettings = {
  cupKeys: setting('PLATTE_CUP_KEYS', doc, fileOrText('a JWK Set', parseJsonObject), {
    needs: 'cup',
    secret: true,
    inFunction: noFile('set it to the JWK Set itself'),
  }),
}
