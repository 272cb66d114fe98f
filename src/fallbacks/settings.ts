/** Settings of machines that fell back. */
import { durationUpTo } from '../documents/duration-setting.ts'
import { setting } from '../kernel/setting.ts'

const doc = 'how long a machine is not offered a release again from which it fell back, such as `7d`; or `off`'
/** Days. */
export const longest = 400
const parse = durationUpTo(longest, '7d')

/** In milliseconds; 0 is off. */
export const fallBackSettings = {
  fellBackMs: setting('PLATTE_FELL_BACK <duration>', doc, (text) => (text === 'off' ? 0 : parse(text))),
}
