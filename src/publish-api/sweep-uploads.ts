/**
 * Removes what pipelines leave behind: unfinished uploads and all records of uploads after a day, and marks of identity
 * tokens that have expired.
 */

import { markDay, marksFolder, uploadFolder } from '../documents/paths.ts'
import { describeError } from '../kernel/log.ts'
import { isOver, maxUploadBytes, readUploadRecord, type Uploading, uploadForMs } from './upload-records.ts'

/**
 * One bounded sweep. Documents are removed as objects: they and the packages share one folder or bucket.
 * @param most bounds the records read, and the uploads and marks removed.
 * @returns how many were removed. Never throws: errors are logged.
 */
export async function sweepUploads(uploading: Uploading, most = 100): Promise<number> {
  const { uploads, packages, clock } = uploading
  let swept = 0
  const trying = async (work: () => Promise<boolean>): Promise<void> => {
    try {
      if (await work()) swept += 1
    } catch (error) {
      uploading.log({ level: 'error', event: 'sweep', ...describeError(error) })
    }
  }
  await trying(async () => {
    for (const key of await someRecords(uploading, most)) await trying(() => sweepRecord(uploading, key))
    return false
  })
  await trying(async () => {
    let left = most
    for await (const token of uploads.unfinished?.(clock() - uploadForMs) ?? []) {
      if (left-- === 0) break
      await trying(async () => uploads.discard(token).then(() => true))
    }
    return false
  })
  await trying(async () => {
    for (const key of await oldMarks(uploading, most)) await trying(() => packages.remove(key).then(() => true))
    return false
  })
  return swept
}

/** Of the days before yesterday: a token is valid for minutes. */
async function oldMarks({ documents, clock }: Uploading, most: number): Promise<readonly string[]> {
  const keys: string[] = []
  const yesterday = markDay(clock() - uploadForMs)
  for await (const day of documents.folders?.(marksFolder) ?? []) {
    if (day >= yesterday) continue
    for await (const key of documents.list?.(`${marksFolder}${day}/`) ?? []) {
      keys.push(key)
      if (keys.length === most) return keys
    }
  }
  return keys
}

/** From a random position, so that a few sweeps reach all. */
async function someRecords({ documents, random }: Uploading, most: number): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const key of documents.list?.(uploadFolder) ?? []) keys.push(key)
  const start = keys.length > most ? Math.floor(random() * keys.length) : 0
  return [...keys.slice(start), ...keys.slice(0, start)].slice(0, most)
}

async function sweepRecord({ documents, packages, uploads, clock }: Uploading, key: string): Promise<boolean> {
  const stored = await documents.get(key, maxUploadBytes)
  const record = stored && readUploadRecord(stored.bytes)
  if (record === undefined || !isOver(record, clock())) return false
  if (record.token !== undefined) await uploads.discard(record.token)
  await packages.remove(key)
  return true
}
