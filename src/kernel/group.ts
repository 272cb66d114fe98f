/** The names of groups, as clients send them and as they are compared. Pure. */
import { isVisible } from './format.ts'

/** Without the quotes and blanks around it that an update.conf with `GROUP="stable"` or CRLF brings (Flatcar#1209, #1424); in NFC. */
export function groupOf(track: string): string {
  let [start, end] = [0, track.length]
  while (start < end && isWrapping(track.charCodeAt(start))) start++
  while (start < end && isWrapping(track.charCodeAt(end - 1))) end--
  const bare = track.slice(start, end)
  return isAscii.test(bare) ? bare : bare.normalize('NFC')
}

const isAscii = /^[ -~]*$/

/** A blank, a control character or a quote. */
const isWrapping = (code: number): boolean => code <= 32 || code === 34 || code === 39

/** Whether clients can have it as GROUP, and it is written as they are compared. */
export function isGroup(text: string): boolean {
  const isWhole = text !== '' && text === groupOf(text) && isVisible(text) && !/\p{Cs}/u.test(text)
  return isWhole && [...text].length <= 128
}
