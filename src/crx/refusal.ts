import { PlatteError } from '../kernel/errors.ts'

export const refusal = (name: string, problem: string): PlatteError =>
  new PlatteError('refused', `${name}: ${problem}`, {
    hint: 'browsers would refuse it: pack it again (`chromium --pack-extension=FOLDER --pack-extension-key=KEY.pem`); --raw publishes it all the same',
  })
