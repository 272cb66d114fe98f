/**
 * Every key of the store is built here, and nowhere else; `docs/storage.md` shows one of each.
 * A client's words never become part of a key: they are looked up, and keys are made from what a verified document says.
 */
import { setDigest } from '../core/set.ts'
import { PlatteError } from '../errors.ts'

export const catalogKey = 'catalog.jws'

export const rootKey = (version: number): string => `root/${version}.jws`

export const channelFolder = (app: string, channel: string): string => `apps/${app}/${channel}/`

export const channelKey = (app: string, channel: string, seq: number): string =>
  `${channelFolder(app, channel)}${String(seq).padStart(10, '0')}.jws`

export const notesKey = (sha256: string): string => `notes/${sha256}`

/** The folder of one release and board, ending in "/": what Omaha calls the codebase is a URL of it. */
export const packageFolder = (
  place: { readonly app: string; readonly version: string; readonly board: string },
  packages: readonly { readonly name: string; readonly sha256: string }[],
): string => `packages/${place.app}/${place.version}/${place.board}/${setDigest(packages)}/`

const segment = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/

/** @throws PlatteError('bad-request') for a key that no function above builds. Adapters call it before they touch a store. */
export function checkKey(key: string): string {
  const segments = key.split('/')
  if (key.length > 768 || !segments.every((part) => segment.test(part) && !part.includes('..')))
    throw new PlatteError('bad-request', `not a key of this store: ${JSON.stringify(key.slice(0, 80))}`)
  return key
}
