/** Lists the keys of a folder store. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { checkKey, isKey } from '../../documents/paths.ts'
import { checkRoot, errorName, storeError } from './files.ts'

export async function* listFiles(root: string, prefix: string): AsyncIterable<string> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (folder !== '') checkKey(folder.slice(0, -1))
  await checkRoot(root)
  for await (const key of walk(root, folder)) if (key.startsWith(prefix)) yield key
}

/** The names of the non-empty folders in `folder`, which ends in "/". */
export async function* listFolders(root: string, folder: string): AsyncIterable<string> {
  checkKey(folder.slice(0, -1))
  await checkRoot(root)
  for (const entry of await entriesOf(join(root, folder))) {
    if (!entry.isDirectory() || !isKey(entry.name)) continue
    for await (const _ of walk(root, `${folder}${entry.name}/`)) {
      yield entry.name
      break
    }
  }
}

async function* walk(root: string, folder: string): AsyncIterable<string> {
  const names: string[] = []
  for (const entry of await entriesOf(join(root, folder))) {
    if (!isKey(entry.name)) continue
    if (entry.isDirectory()) names.push(`${entry.name}/`)
    else if (entry.isFile()) names.push(entry.name)
  }
  for (const name of names.sort()) {
    if (name.endsWith('/')) yield* walk(root, folder + name)
    else yield folder + name
  }
}

async function entriesOf(path: string) {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (error) {
    if (errorName(error) === 'ENOENT' || errorName(error) === 'ENOTDIR') return []
    throw storeError(error, 'list', path)
  }
}
