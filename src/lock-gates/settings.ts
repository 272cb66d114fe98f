/** Settings of gates and hooks of reboot locks; every build reads them, so the lists themselves are read elsewhere. */
import { fileOrText, noFile, parseSigningKey, setting, type TextSource } from '../kernel/setting.ts'

const parseList = fileOrText('a list as JSON', (text) => text.trimStart().startsWith('['))

const gatesDoc = 'what must be open before a machine gets a slot: `file:PATH`, or a list as JSON'
const hooksDoc = 'what is called after a slot was taken or freed: `file:PATH`, or a list as JSON'
const keyDoc = 'the key that signs these calls: `whsec_` and 24 to 64 random bytes in base64'

const noListFile = noFile('set it to the list itself, as JSON')

export const lockGateSettings = {
  lockGates: setting('PLATTE_LOCK_GATES', gatesDoc, parseList, {
    ...{ secret: true, needs: 'lock-gates', inFunction: noListFile },
  }),
  lockHooks: setting('PLATTE_LOCK_HOOKS', hooksDoc, parseList, {
    ...{ secret: true, needs: 'lock-hooks', inFunction: noListFile },
    conflict: (_: TextSource, { lockHooksKey }: { readonly lockHooksKey?: string }) =>
      lockHooksKey === undefined ? 'needs PLATTE_LOCK_HOOKS_KEY' : undefined,
  }),
  lockHooksKey: setting('PLATTE_LOCK_HOOKS_KEY', keyDoc, parseSigningKey, { secret: true }),
}
