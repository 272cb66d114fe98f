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
  /** Those that may be the one of a file. @throws PlatteError('credentials') where there is none. */
  readonly passphrases: (file: string) => Promise<readonly string[]>
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
  const given = async (): Promise<readonly string[]> => {
    const { passphraseFile } = settings()
    if (passphraseFile !== undefined) return readPassphrases(passphraseFile)
    return linesOf(env.PLATTE_PASSPHRASE ?? '')
  }
  const asked = async (file: string, question: string): Promise<string> => {
    const answer = await ask(question)
    if (answer !== undefined) return answer
    throw new PlatteError('credentials', `${file}: its passphrase is missing, and there is no terminal to ask at`, {
      hint: 'set PLATTE_PASSPHRASE_FILE (--passphrase-file) to a file that holds it, or PLATTE_PASSPHRASE to it',
    })
  }
  const makeNew = async (file: string): Promise<string> => {
    const [first, ...others] = await given()
    if (others.length > 0) throw new PlatteError('credentials', `${file}: a new key needs one passphrase, not several`)
    if (first !== undefined) return first
    const typed = await asked(file, `New passphrase for ${file}: `)
    if ((await ask('The same again: ')) === typed) return typed
    throw new PlatteError('credentials', `${file}: the two passphrases differ, so nothing was written`)
  }
  let made: Promise<string> | undefined
  return {
    env,
    passphrases: async (file) => {
      const passphrases = await given()
      return passphrases.length > 0 ? passphrases : [await asked(file, `Passphrase of ${file}: `)]
    },
    newPassphrase: (file) => {
      made ??= makeNew(file)
      return made
    },
  }
}

/** Variables that were made of a file end in a line break, too. */
const linesOf = (text: string): readonly string[] => text.split(/[\r\n]+/).filter((line) => line !== '')

/** One in each line. */
async function readPassphrases(file: string): Promise<readonly string[]> {
  const text = await readTextFile(file, maxBytes).catch((cause: unknown) => {
    const problem = `the passphrase file ${file} cannot be read: ${messageOf(cause)}`
    throw new PlatteError('credentials', problem, { hint: 'correct PLATTE_PASSPHRASE_FILE (--passphrase-file)', cause })
  })
  const passphrases = linesOf(text)
  if (passphrases.length > 0) return passphrases
  throw new PlatteError('credentials', `the passphrase file ${file} is empty`)
}
