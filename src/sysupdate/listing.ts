/**
 * What systemd-sysupdate sees: a list of the files of one release, with the version in their names. Pure.
 * @see systemd sysupdate.d(5), MatchPattern=
 */
import type { BoardPackages } from '../release/channel.ts'

export const listName = 'SHA256SUMS'
/** The publisher's signature of the list. */
export const signatureName = `${listName}.gpg`

/** What the machine of a request says of itself, in segments of the path: systemd drops a query. */
export interface Asker {
  readonly machineId: string
  /** What it runs; empty: older than everything. */
  readonly version: string
  readonly oem: string
}

export interface Asked extends Asker {
  readonly app: string
  readonly channel: string
  readonly board: string
  readonly file: string
}

const members = { machine: 'machineId', running: 'version', oem: 'oem' } as const
const fact = new RegExp(`^(${Object.keys(members).join('|')})=(.*)$`)

/** @param segments of the path after `/sysupdate/`, decoded. @param query members of the same names. */
export function readAsked(segments: readonly string[], query: (name: string) => string | undefined): Asked | undefined {
  const [app, channel, board, ...rest] = segments
  const file = rest.pop()
  const facts = rest.map((segment) => fact.exec(segment))
  if (!(app && channel && board && file) || !facts.every((one) => one !== null)) return undefined
  const said = new Map(facts.map(([, name = '', value = '']) => [name, value]))
  const asker = Object.fromEntries(
    Object.entries(members).map(([name, member]) => [member, said.get(name) || query(name) || '']),
  )
  return { app, channel, board, file, ...(asker as unknown as Asker) }
}

/** `docker.raw` of 28.0.4 is `docker_28.0.4.raw`; a name that holds the version stays as it is. */
export const nameWithVersion = (name: string, version: string): string =>
  holds(name, version) ? name : name.replace(/(?=\.|$)/, `_${version}`)

/** Not as a part of another number, nor a number without dots as a part of a word: 4 is not in `arm64`, nor in `mp4`. */
function holds(name: string, version: string): boolean {
  const more = version.includes('.') ? '\\d' : '\\da-zA-Z'
  const text = version.replace(/[.+]/g, '\\$&')
  return RegExp(`(?<![${more}]|\\d\\.)v?${text}(?![${more}]|\\.\\d)`).test(name)
}

/** As sha256sum writes it. */
export const renderList = (version: string, packages: BoardPackages['packages']): string =>
  packages.map(({ name, sha256 }) => `${sha256}  ${nameWithVersion(name, version)}\n`).join('')

const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** systemd takes an empty list for a broken connection. No pattern with a version fits this name. */
export const emptyList = (reason: string): string => `${sha256OfNothing}  nothing-because.${reason}\n`
