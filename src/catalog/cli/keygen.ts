import type { Command } from 'commander'
import { command, type Options, oneOf } from '../../cli/options.ts'
import { notice, show } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { makeKey } from '../../runtime/keys.ts'

/** Makes one private key in a file, and prints its public half. */
export function keygenCommand(): Command {
  return command('keygen', 'make a private key in FILE and print its public half', [])
    .argument('<file>', 'where the private key goes; it must not be there yet')
    .option('--alg <alg>', 'EdDSA (Ed25519), or ES256 for key services', oneOf(['EdDSA', 'ES256']), 'EdDSA')
    .action(async (file: string, options: Options & { alg: 'EdDSA' | 'ES256' }) => {
      const { created, signer, publicKey } = await makeKey(file, options.alg)
      if (!created)
        throw new PlatteError('refused', `${file} is there already, and stays as it is`, { hint: 'name another file' })
      notice(`made ${file}; key id ${signer.keyId}`)
      show(options.json, { keyId: signer.keyId, publicKey }, [JSON.stringify(publicKey)])
    })
}
