/** The mark of a reader: whole or as before, and bounded. */
import { chmodSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { markFile } from '../../src/store/folder/high-water-mark.ts'
import { bytesOf, refusal } from '../world.ts'

const folder = mkdtempSync(join(tmpdir(), 'platte-mark-'))
const path = join(folder, 'mark.jws')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a written mark can be read back, and leaves no other file', async () => {
  const mark = markFile(path)
  expect(await mark.load()).toBeUndefined()
  await mark.keep(bytesOf('one'))
  await mark.keep(bytesOf('two'))
  expect(await markFile(path).load()).toEqual(bytesOf('two'))
  expect(readdirSync(folder)).toEqual(['mark.jws'])
})

test('read and write errors name the path, and the old mark stays', async () => {
  expect(await refusal(markFile(join(folder, 'no/mark')).keep(bytesOf('x')))).toMatch(/^store-unavailable: .*no\/mark/)
  expect(await refusal(markFile(folder).load())).toMatch(/^store-unavailable: /)
  writeFileSync(path, '')
  truncateSync(path, 8 * 2 ** 20 + 1)
  expect(await refusal(markFile(path).load())).toMatch(/^too-large: .*mark\.jws/)
  if (process.getuid?.() === 0) return
  chmodSync(folder, 0o500)
  expect(await refusal(markFile(path).keep(bytesOf('x')))).toMatch(/^forbidden: .*mark\.jws/)
  chmodSync(folder, 0o700)
})
