/**
 * Characters, names, references and escapes of XML 1.0 (fifth edition). Everything here is linear in its input.
 * @see https://www.w3.org/TR/xml/ productions 2 (Char), 4 (NameStartChar), 4a (NameChar), 66 (CharRef)
 */

/** The offset of the first character that no XML document may hold, or -1. */
export function badCharacter(text: string): number {
  const at = text.search(/[^\t\n\r -\ufffd]/)
  return at >= 0 || text.isWellFormed() ? at : text.search(/[\ud800-\udfff]/u)
}

const wideNameStart =
  /[\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\u{10000}-\u{effff}]/u
const wideNameRest = /[\u0300-\u036f\u203f-\u2040\xb7]/

const [inName, startsName] = [1, 2]
const asciiKinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  return /[A-Za-z_:]/.test(character) ? startsName : /[0-9.-]/.test(character) ? inName : 0
})

/** Where the name that starts at `start` ends; `start` itself where no name does. */
export function nameEnd(text: string, start: number): number {
  if (nameCharacter(text, start, startsName) === 0) return start
  let at = start
  for (let width = 1; width > 0; at += width) {
    while ((asciiKinds[text.charCodeAt(at)] ?? 0) > 0) at++
    width = nameCharacter(text, at, inName)
  }
  return at
}

/** How many UTF-16 units of a name stand at `at`: 0, 1 or 2. */
function nameCharacter(text: string, at: number, kind: number): number {
  const code = text.charCodeAt(at)
  if (code < 128) return (asciiKinds[code] ?? 0) >= kind ? 1 : 0
  return code >= 128 ? wideNameCharacter(text, at, kind) : 0
}

function wideNameCharacter(text: string, at: number, kind: number): number {
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0)
  return wideNameStart.test(character) || (kind === inName && wideNameRest.test(character)) ? character.length : 0
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * Replaces the five named references and the numeric ones.
 * @returns `undefined` for an `&` that starts none of these, or one of a character that XML does not allow.
 */
export function decodeReferences(text: string): string | undefined {
  let decoded = ''
  let from = 0
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', from)) {
    const end = text.indexOf(';', at)
    const character = end < 0 ? undefined : referenced(text.slice(at + 1, end))
    if (character === undefined) return undefined
    decoded += text.slice(from, at) + character
    from = end + 1
  }
  return decoded + text.slice(from)
}

function referenced(reference: string): string | undefined {
  if (Object.hasOwn(named, reference)) return named[reference]
  const number = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(reference)
  if (number === null) return undefined
  const code = number[1] === undefined ? Number(number[2]) : Number.parseInt(number[1], 16)
  if (code > 0x10ffff) return undefined
  const character = String.fromCodePoint(code)
  return badCharacter(character) < 0 ? character : undefined
}

const markup: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const blanks: Readonly<Record<string, string>> = { '\t': '&#9;', '\n': '&#10;', '\r': '&#13;' }

/** For an attribute in double quotes; what XML cannot carry becomes U+FFFD. */
export function escapeAttribute(text: string): string {
  if (!/[^ !#-%'-;=?-~]/.test(text)) return text
  return text.toWellFormed().replace(/[^ !#-%'-;=?-\ufffd]/g, (one) => markup[one] ?? blanks[one] ?? '\ufffd')
}
