/**
 * The fault table of uploads: whatever write fails, before it landed or after, with the process going on or dying there,
 * no other bytes ever get the name of the package, and a pipeline that begins again ends as if nothing had been.
 */
import { expect, test } from 'vitest'
import type { Uploading } from '../../src/publish-api/upload-records.ts'
import { type Fault, faultsOf, faultyDocuments, faultyPackages, faultyUploads } from '../faults/faulty.ts'
import { files, keysOf, orderOf, stored, type UploadScene, uploadAll, uploadScene } from './scene.ts'

const order = orderOf()

async function run(plan: Readonly<Record<number, Fault>>): Promise<{ scene: UploadScene; writes: number }> {
  const scene = await uploadScene()
  const faults = faultsOf(plan)
  const { documents, packages, uploads } = scene.uploading
  const uploading: Uploading = {
    ...scene.uploading,
    documents: faultyDocuments(documents, faults),
    packages: faultyPackages(packages, faults),
    uploads: faultyUploads(uploads, faults),
  }
  const outcome = await uploadAll(uploading).catch(({ code }) => code)
  // A receipt that landed answers, and what cannot be tidied is left to the sweep.
  expect([['received', 'received'], 'store-unavailable']).toContainEqual(outcome)
  if (Object.keys(plan).length === 0) expect(outcome).toEqual(['received', 'received'])
  await areWholeOrAbsent(scene)
  return { scene, writes: faults.writes }
}

async function areWholeOrAbsent(scene: UploadScene): Promise<void> {
  for (const [i, key] of keysOf(order).entries()) {
    const there = await stored(scene, key)
    if (there !== undefined) expect(there).toEqual(files[i]?.bytes)
  }
}

const { writes } = await run({})

test('an upload of two files makes a fixed number of writes', () => {
  // Begin, document, three parts, complete, put, receipt, discard; and the same with one part.
  expect(writes).toBe(9 + 7)
})

const faults: readonly Fault[] = ['before', 'after', 'kill-before', 'kill-after']
test.each(faults.flatMap((fault) => Array.from({ length: writes }, (_, i) => [fault, i + 1] as const)))(
  '%s write %i: the next run completes it',
  async (fault, n) => {
    const { scene } = await run({ [n]: fault })
    const outcomes = await uploadAll(scene.uploading)
    for (const outcome of outcomes) expect(['received', 'there']).toContain(outcome)
    for (const [i, key] of keysOf(order).entries()) expect(await stored(scene, key)).toEqual(files[i]?.bytes)
    expect(await uploadAll(scene.uploading)).toEqual(['there', 'there'])
  },
)
