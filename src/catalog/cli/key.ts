/** Commands that make, encrypt and look at one key. */
import { Command } from 'commander'
import { command, keyAccessOf, keyFlags, type Options, oneOf } from '../../cli/options.ts'
import { notice, show } from '../../cli/terminal.ts'
import { cupDoc, generateCup } from '../../cup/cli/keygen.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { loadPublicKey, makeKey, makeKeyElsewhere, recodeKey } from '../../runtime/keys.ts'
import { type Algorithm, keyIdOf } from '../../trust/keys.ts'

const algs: readonly Algorithm[] = ['EdDSA', 'ES256']
export const algOption = ['--alg <alg>', 'EdDSA (Ed25519), or ES256', oneOf(algs), 'EdDSA'] as const

type KeygenOptions = Options & Readonly<{ alg: Algorithm; encrypt?: true; kms?: string; cup?: string }>

const kmsDoc = 'make the key in a key service, or take the one of this name: awskms:///alias/NAME or hashivault://NAME'

export function keygenCommand(): Command {
  return command('keygen', 'make a private key and print its public half', keyFlags)
    .argument('[file]', 'where the key goes; it must not be there yet. With --kms it gets the name of the key')
    .option(...algOption)
    .option('--encrypt', 'encrypt the file with a passphrase')
    .option('--kms <url>', kmsDoc)
    .option('--cup <key-id>', cupDoc)
    .action(async (file: string | undefined, options: KeygenOptions) => {
      if (options.cup !== undefined) return generateCup(file, options.cup, options)
      const { created, signer, publicKey } = await generate(file, options)
      notice(`${created ? 'made' : 'took'} ${[options.kms, file].filter(Boolean).join(' as ')}; key id ${signer.keyId}`)
      show(options.json, { keyId: signer.keyId, publicKey }, [JSON.stringify(publicKey)])
    })
}

async function generate(file: string | undefined, options: KeygenOptions) {
  const { alg, encrypt, kms } = options
  const access = keyAccessOf(options)
  if (kms !== undefined && encrypt)
    throw new PlatteError('usage', '--encrypt is for key files, and a key service keeps the key itself')
  if (kms !== undefined) return makeKeyElsewhere(kms, access, file)
  if (file === undefined) throw new PlatteError('usage', 'name the file of the key, or a key service with --kms')
  const made = await makeKey(file, alg, access, encrypt)
  if (!made.created) throw new PlatteError('refused', `${file} exists already`, { hint: 'name another file' })
  return made
}

export function keyCommand(): Command {
  const key = new Command('key').description('encrypt a key file, decrypt it, or show its public half').exitOverride()
  for (const make of [encryptCommand, decryptCommand, showCommand]) key.addCommand(make())
  return key
}

function encryptCommand(): Command {
  return command('encrypt', 'encrypt a key file with a passphrase', keyFlags)
    .argument('<file>', 'a private key')
    .action(async (file: string, options: Options) => {
      const { keyId } = await recodeKey(file, 'encrypted', keyAccessOf(options))
      notice(`encrypted ${file}; copies and backups that were made before are not`)
      show(options.json, { file, keyId, encrypted: true }, [file])
    })
}

function decryptCommand(): Command {
  return command('decrypt', 'remove the passphrase of a key file', keyFlags)
    .argument('<file>', 'an encrypted private key')
    .action(async (file: string, options: Options) => {
      const { keyId } = await recodeKey(file, 'plain', keyAccessOf(options))
      notice(`decrypted ${file}; anybody who can read it can sign with it`)
      show(options.json, { file, keyId, encrypted: false }, [file])
    })
}

function showCommand(): Command {
  return command('show', 'print the public half of a key and its id', keyFlags)
    .argument('<key>', 'a key file, or the URL of a key service')
    .action(async (key: string, options: Options) => {
      const publicKey = await loadPublicKey(key, keyAccessOf(options))
      const keyId = await keyIdOf(publicKey)
      notice(`key id ${keyId}`)
      show(options.json, { keyId, publicKey }, [JSON.stringify(publicKey)])
    })
}
