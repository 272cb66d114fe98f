/** What is inside a release, from the list that Flatcar publishes and CoreOS published: one object, keyed by version. */
import * as v from 'valibot'
import { PlatteError } from '../kernel/errors.ts'
import { defined, parseJsonObject } from '../kernel/json.ts'
import type { Release } from '../release/channel.ts'
import { isSameVersion } from '../release/version.ts'
import { components as allComponents } from './channel.ts'
import * as field from './fields.ts'
import { maxNotesBytes } from './paths.ts'

/** A channel of Flatcar takes about 1 MB. */
export const maxReleasesBytes = 16 * 1024 * 1024

export interface ReleaseDetails extends Pick<Release, 'components' | 'cves'> {
  /** Markdown. */
  readonly notes?: Uint8Array
}

/** CoreOS's early releases lack some members. What else is there is left alone. */
const release = v.object({
  architectures: v.nullish(v.array(v.string())),
  major_software: v.nullish(field.record(v.string(), v.array(v.string()))),
  release_notes: v.nullish(v.string()),
})

/**
 * @param bytes the list. @param source what people call it.
 * @returns `undefined` if it does not have the version.
 * @throws PlatteError('usage') naming version and field that cannot be read, or that are not of this board.
 */
export function detailsIn(
  bytes: Uint8Array,
  { version, board }: Readonly<{ version: string; board: string }>,
  source: string,
): ReleaseDetails | undefined {
  const list = parseJsonObject(new TextDecoder().decode(bytes))
  if (list === undefined) throw new PlatteError('usage', `${source} must be a JSON object of releases by version`)
  const found = Object.entries(list).find(([name]) => name === version || isSameVersion(name, version))
  if (found === undefined) return undefined
  const [name, value] = found
  const label = `${source}: ${name}`
  const read = field.check(release, label, value, 'usage')
  checkArchitecture(read.architectures ?? [], board, label)
  const components = readSoftware(read.major_software ?? {}, label)
  return defined({ components, ...readNotes(read.release_notes ?? '', label) })
}

/** The details of a board that the release does not have are of another release. */
function checkArchitecture(known: readonly string[], board: string, label: string): void {
  const [, wanted] = /^(amd64|arm64)-usr$/.exec(board) ?? []
  if (wanted === undefined || known.length === 0 || known.includes(wanted)) return
  throw new PlatteError('usage', `${label}: architectures: has ${known.join(', ')}, not ${wanted} of ${board}`)
}

function readSoftware(software: Readonly<Record<string, readonly string[]>>, label: string): Release['components'] {
  const entries = Object.entries(software).filter(([, versions]) => versions.length > 0)
  if (entries.length === 0) return undefined
  const joined = Object.fromEntries(entries.map(([name, versions]) => [name, versions.join(', ')]))
  return field.check(allComponents, `${label}: major_software`, joined, 'usage')
}

function readNotes(markdown: string, label: string): Pick<ReleaseDetails, 'notes' | 'cves'> {
  const text = markdown.replaceAll('\r\n', '\n').trim()
  const notes = new TextEncoder().encode(`${text}\n`)
  if (text === '') return {}
  if (notes.length > maxNotesBytes)
    throw new PlatteError('usage', `${label}: release_notes: has more than ${maxNotesBytes} bytes`)
  const cves = [...new Set(text.match(/\bCVE-\d{4}-\d{4,19}\b/g))].sort()
  return { notes, ...(cves.length > 0 && { cves }) }
}
