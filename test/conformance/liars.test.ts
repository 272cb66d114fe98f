import { describe, expect, test } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { documentRows } from './documents.ts'
import { documentLiars, packageLiars, uploadLiars } from './liars.ts'
import { packageRows } from './packages.ts'
import { failures, type Row } from './rows.ts'
import { uploadRows } from './uploads.ts'

/** Only the row that the lie must break: a suite that fails elsewhere by chance proves nothing. */
function rowOf<Store>(rows: readonly Row<Store>[], name: string): readonly Row<Store>[] {
  const found = rows.filter((row) => row.name === name)
  if (found.length !== 1) throw new Error(`no row is called "${name}"`)
  return found
}

describe('the Documents suite detects a store where', () => {
  test.each(documentLiars)('%s', async (_, row, open) => {
    expect((await failures(rowOf(documentRows, row), open)).map((failure) => failure.row)).toEqual([row])
  })
})

describe('the Packages suite detects a store where', () => {
  test.each(packageLiars)('%s', async (_, row, open) => {
    expect((await failures(rowOf(packageRows(nodeHasher), row), open)).map((failure) => failure.row)).toEqual([row])
  })
})

describe('the Uploads suite detects a store where', () => {
  test.each(uploadLiars)('%s', async (_, row, open) => {
    expect((await failures(rowOf(uploadRows, row), open)).map((failure) => failure.row)).toEqual([row])
  })
})
