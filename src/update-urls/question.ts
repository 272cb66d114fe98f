/** What a browser says of itself when it asks, for each board. */
import { PlatteError } from '../kernel/errors.ts'

/** Above every release, so that no answer is held back for a later browser. */
export const newestBrowser = '9999.0.9999.0'
/** Not installed. */
export const nothing = '0.0.0.0'

export interface Question {
  readonly url: string
  readonly app: string
  readonly channel: string
  readonly board: string
}

const systems: Readonly<Record<string, string>> = {
  ...{ win: 'Windows', mac: 'Mac OS X', linux: 'Linux', cros: 'Chrome OS' },
  ...{ android: 'Android', ios: 'iOS', fuchsia: 'Fuchsia' },
}
const processors: Readonly<Record<string, string>> = { x64: 'x86_64', x86: 'x86', arm64: 'arm64', arm: 'arm' }

/** @throws PlatteError('usage') for a board that no browser runs on. */
export function platformOf(board: string) {
  // What is for everybody is for this one, too.
  const [os = '', arch = ''] = (board === 'any' ? 'linux-x64' : board).split('-')
  const [system, processor] = [systems[os], processors[arch]]
  if (system !== undefined && processor !== undefined && Object.hasOwn(systems, os))
    return { os, arch, system, processor }
  throw new PlatteError('usage', `${board} is no board of a browser`, {
    hint: 'name `any`, or a system and a processor, such as win-x64, mac-arm64 or linux-x64',
  })
}

/** Ids that are no letters of a key have braces. */
export const appIdOf = (app: string): string =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(app) ? `{${app}}` : app
