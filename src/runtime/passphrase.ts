/** Where the passphrase of key files comes from: a file, a variable, or a person at a terminal. It is never printed. */
import { messageOf, PlatteError } from '../kernel/errors.ts'
import type { Environment } from '../kernel/setting.ts'
import type { Settings } from './settings.ts'
import { readTextFile } from './text-file.ts'

/** Asks at a terminal, without echo. @returns `undefined` where there is none. */
export type Ask = (question: string) => Promise<string | undefined>

/** What the loading of keys needs beside their files. */
export interface KeyAccess {
  /** Holds keys (`env://NAME`), PLATTE_PASSPHRASE, and the credentials of key services. */
  readonly env: Environment
  /** @throws PlatteError('credentials') where there is no passphrase. */
  readonly passphrase: (file: string) => Promise<string>
  /** One for all keys that a command makes. @throws PlatteError('credentials') where there is none, or two differ. */
  readonly newPassphrase: (file: string) => Promise<string>
}

const maxBytes = 4096

/** @param settings read only where a passphrase is needed. */
export function keyAccess(
  settings: () => Pick<Settings, 'passphraseFile'>,
  env: Environment,
  ask: Ask = async () => undefined,
): KeyAccess {
  const given = async (): Promise<string | undefined> => {
    const { passphraseFile } = settings()
    return passphraseFile === undefined ? env.PLATTE_PASSPHRASE || undefined : readPassphrase(passphraseFile)
  }
  const asked = async (file: string): Promise<string> => {
    const first = await ask(`New passphrase for ${file}: `)
    if (first === undefined) throw absent(file)
    if ((await ask('The same again: ')) === first) return first
    throw new PlatteError('credentials', `${file}: the two passphrases differ, so nothing was written`)
  }
  let made: Promise<string> | undefined
  return {
    env,
    passphrase: async (file) => {
      const passphrase = (await given()) ?? (await ask(`Passphrase of ${file}: `))
      if (passphrase === undefined) throw absent(file)
      return passphrase
    },
    newPassphrase: (file) => {
      made ??= given().then((passphrase) => passphrase ?? asked(file))
      return made
    },
  }
}

const absent = (file: string): PlatteError =>
  new PlatteError('credentials', `${file}: its passphrase is missing, and there is no terminal to ask at`, {
    hint: 'set PLATTE_PASSPHRASE_FILE (--passphrase-file) to a file that holds it, or PLATTE_PASSPHRASE to it',
  })

/** A line break at the end of the file is not part of it. */
async function readPassphrase(file: string): Promise<string> {
  const text = await readTextFile(file, maxBytes).catch((cause: unknown) => {
    const problem = `the passphrase file ${file} cannot be read: ${messageOf(cause)}`
    throw new PlatteError('credentials', problem, { hint: 'correct PLATTE_PASSPHRASE_FILE (--passphrase-file)', cause })
  })
  const passphrase = text.replace(/\r?\n$/, '')
  if (passphrase !== '') return passphrase
  throw new PlatteError('credentials', `the passphrase file ${file} is empty`)
}
