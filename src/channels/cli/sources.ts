/** The files that `publish` was given: of this machine, or at URLs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { progress } from '../../cli/progress.ts'
import { notice } from '../../cli/terminal.ts'
import { tap } from '../../kernel/streams.ts'
import { fileSource } from '../../runtime/files.ts'
import { transport } from '../../runtime/transport.ts'
import { isUrl, urlSource } from '../../url-files/release-files.ts'
import type { Source } from '../staging.ts'

/** @throws PlatteError('usage') for what is no file; 'missing', 'mismatch', 'store-unavailable' for what a URL names. */
export const openSources = (places: readonly string[]): Promise<Source[]> => Promise.all(places.map(openSource))

async function openSource(place: string): Promise<Source> {
  if (!isUrl(place)) return fileSource(place)
  const source = await urlSource(place, { transport })
  if (source.sha256 === undefined) notice(`note: there is no .sha256 beside ${source.name} to compare it with`)
  return source
}

/** Files of this machine, which can be read in parts. */
export type OnDisk = Readonly<{ files: readonly string[]; sources: readonly Source[] }>

/** Copies what is at URLs into a folder that is there while `use` runs. */
export async function onDisk<T>(
  places: readonly string[],
  sources: readonly Source[],
  use: (copied: OnDisk) => Promise<T>,
): Promise<T> {
  if (!places.some(isUrl)) return use({ files: places, sources })
  const folder = await mkdtemp(join(tmpdir(), 'platte-publish-'))
  try {
    const files: string[] = []
    for (const [i, source] of sources.entries()) {
      const place = places[i] ?? ''
      files.push(isUrl(place) ? await copyTo(folder, source) : place)
    }
    const opened = await Promise.all(files.map(fileSource))
    return await use({ files, sources: sources.map((one, i) => ({ ...one, ...opened[i] })) })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function copyTo(folder: string, source: Source): Promise<string> {
  const path = join(folder, source.name)
  const bar = progress(`downloading ${source.name}`, source.size)
  await writeFile(
    path,
    tap(source.open(), ({ length }) => bar.add(length)),
  ).finally(bar.end)
  return path
}
