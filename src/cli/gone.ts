/** Options of earlier versions. */
import { type Command, Option } from 'commander'
import { PlatteError } from '../kernel/errors.ts'

/** An option that is no longer there does nothing but name what to use. */
export const gone = (made: Command, flag: string, use: string): Command =>
  made.addOption(new Option(flag).hideHelp()).on(`option:${flag.slice(2)}`, () => {
    throw new PlatteError('usage', `${made.name()} has no option ${flag}`, { hint: use })
  })
