/** The files of Nebraska's packages, checked: names become parts of URLs and of keys. */
import * as v from 'valibot'
import * as field from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'
import { digestIn, type ForeignFile, fileUrl, sizeText } from './foreign.ts'
import type { NebraskaApp, NebraskaChannel, NebraskaPackage } from './nebraska-api.ts'

/** A package where it was found. */
export type Found = Readonly<{ app: NebraskaApp; channel: NebraskaChannel; one: NebraskaPackage }>

const schema = v.object({
  version: field.publishedVersion,
  url: fileUrl,
  filename: field.packageName,
  size: v.exactOptional(sizeText),
  hash: v.exactOptional(digestIn(20, 'SHA-1')),
  sha256: v.exactOptional(digestIn(32, 'SHA-256')),
  extra_files: v.pipe(
    v.array(
      v.object({
        name: field.packageName,
        size: sizeText,
        hash: digestIn(20, 'SHA-1'),
        hash256: v.exactOptional(field.sha256),
      }),
    ),
    v.maxLength(63),
  ),
})

/** What Nebraska leaves empty is unknown. */
const stated = <T>(name: string, value: T | null | undefined) => (value ? { [name]: value } : {})

/** @returns the files, the OS package first; or why the package cannot be used. */
export function fileOf({ app, channel, one }: Found): readonly [ForeignFile, ...ForeignFile[]] | string {
  const { version, url, filename, size, hash, flatcar_action, extra_files } = one
  const given = {
    ...{ version, url, filename },
    ...{ ...stated('size', size), ...stated('hash', hash), ...stated('sha256', flatcar_action?.sha256) },
    extra_files: (extra_files ?? []).map(({ hash256, ...file }) => ({ ...file, ...stated('hash256', hash256) })),
  }
  try {
    const read = field.check(schema, `${app.url}/channels: ${channel.id}: package`, given)
    const codebase = read.url.replace(/\/*$/, '/')
    const place = (name: string) => ({ name, url: codebase + name.replaceAll('+', '%2B') })
    const { size, hash: sha1, sha256 } = read
    const first = {
      ...place(read.filename),
      ...stated('size', size),
      ...stated('sha1', sha1),
      ...stated('sha256', sha256),
    }
    const extras = read.extra_files.map((file) => ({
      ...{ ...place(file.name), size: file.size, sha1: file.hash },
      ...stated('sha256', file.hash256),
    }))
    return [first, ...extras]
  } catch (error) {
    if (error instanceof PlatteError) return error.message
    throw error
  }
}
