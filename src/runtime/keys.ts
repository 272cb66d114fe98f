/** Keys in files of this machine. Nothing here prints or logs what a private key file holds. */
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type PublicKey, publicKeyOf, type RoleName } from '../documents/root.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import type { Environment } from '../kernel/setting.ts'
import { type Algorithm, generateKey, parsePrivateKey, type Signer } from '../trust/keys.ts'
import { type KeySource, loadEnvSigner } from './own-settings.ts'
import type { Settings } from './settings.ts'

export type KeyPair = { readonly signer: Signer; readonly publicKey: PublicKey }

/** The file of a role's first key in a keys folder; further ones are called `<role>-<anything>.jwk`. */
export const keyFile = (folder: string, role: RoleName): string => join(folder, `${role}.jwk`)

/**
 * The keys that a deployment signs with every day; a role without keys is empty.
 * @throws PlatteError('credentials') naming the file or the variable.
 */
export async function loadOnlineKeys(settings: Settings, env: Environment) {
  const { keysDir, releaseKey, timestampKey } = settings
  const role = async (name: RoleName, source: KeySource | undefined): Promise<readonly Signer[]> => {
    if (source === undefined) return keysDir ? loadFolder(keysDir, name) : []
    if ('variable' in source) return [await loadEnvSigner(source.variable, env)]
    return [await parsePrivateKey(await readText(source.file), source.file)]
  }
  return { release: await role('release', releaseKey), timestamp: await role('timestamp', timestampKey) }
}

/** All keys of one role in a folder. */
export const loadFolder = async (folder: string, role: RoleName): Promise<readonly Signer[]> =>
  (await loadPairs(folder, role)).map(({ signer }) => signer)

/** All key pairs of one role in a folder, `ROLE*.jwk`, in the order of their names. */
export async function loadPairs(folder: string, role: RoleName): Promise<readonly KeyPair[]> {
  const names = await readable(folder, readdir(folder))
  const files = names.filter((name) => name.startsWith(role) && name.endsWith('.jwk'))
  return Promise.all(files.sort().map((name) => loadPair(join(folder, name))))
}

/** @throws PlatteError('credentials') naming the file. */
export async function loadPair(file: string): Promise<KeyPair> {
  const text = await readText(file)
  return { signer: await parsePrivateKey(text, file), publicKey: publicKeyOf(file, JSON.parse(text)) }
}

/** Reads the public half of a key file, public or private. */
export async function loadPublicKey(file: string): Promise<PublicKey> {
  const text = await readText(file)
  try {
    return publicKeyOf(file, JSON.parse(text))
  } catch (error) {
    throw error instanceof PlatteError ? error : new PlatteError('credentials', `${file} is not JSON; a key is one JWK`)
  }
}

/** Makes a new private key in a file that only its owner can read. An existing file stays, and is loaded. */
export async function makeKey(file: string, alg: Algorithm): Promise<KeyPair & { readonly created: boolean }> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const text = `${JSON.stringify(await generateKey(alg))}\n`
  return { created: await writeOnce(file, text), ...(await loadPair(file)) }
}

/** Writes the whole file or nothing, and never over an existing one. @returns whether it was written. */
async function writeOnce(file: string, text: string): Promise<boolean> {
  const temporary = join(dirname(file), `.${crypto.randomUUID()}`)
  try {
    await writeFile(temporary, text, { flag: 'wx', mode: 0o600, flush: true })
    await link(temporary, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw new PlatteError('credentials', `${file} cannot be written: ${messageOf(error)}`, { cause: error })
  } finally {
    await rm(temporary, { force: true })
  }
}

const readText = (file: string): Promise<string> => readable(file, readFile(file, 'utf8'))

const readable = <T>(path: string, reading: Promise<T>): Promise<T> =>
  reading.catch((cause: unknown) => {
    const hint = 'check PLATTE_KEYS, PLATTE_RELEASE_KEY and PLATTE_TIMESTAMP_KEY; `platte init` makes keys'
    throw new PlatteError('credentials', `${path} cannot be read: ${messageOf(cause)}`, { hint, cause })
  })
