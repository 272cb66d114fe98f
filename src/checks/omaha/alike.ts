/**
 * Requests that differ in nothing but the two ids that are a machine's own. Most of a fleet sends the same few texts: what was
 * read of one is kept for the others, and comparing costs a third of reading.
 */
import type { OmahaAppRequest, OmahaRequest } from './omaha.ts'
import { parseCanonical, parseOmahaRequest } from './xml.ts'

/** What such requests have in common; the ids are those of the first one. */
export type Alike = OmahaRequest & { readonly apps: readonly [OmahaAppRequest] }

interface Known {
  /** The text in front of the first id, between the ids, and behind the second one. */
  readonly parts: readonly [string, string, string]
  readonly alike: Alike
}

/** By `keyOf`. */
let known = new Map<number, Known[]>()
let count = 0
/** A fleet makes one for each version, channel and kind of event. Beyond it, all are learned anew. */
const maxKnown = 8192
/** Of one key; all of them are compared, and one more takes the place of the first. */
const maxOfKey = 8
/** A canonical request has some 700 characters. */
const maxLength = 1024
/** Characters of a key, in front of each id's name: the version and the channel, and the version that was installed first. */
const [bootKey, machineKey] = [38, 12]

const [boot, machine] = [' bootid="', ' machineid="']
/** Behind the second id. A text with an alias is of one machine alone. */
const alias = '" machinealias="'
/** Real ids are such: nothing in them has to be decoded, or escaped in JSON. */
const plainId = /^[\w{}.:-]{0,64}$/

/** Reads as `parseOmahaRequest`; `alike` is one object for all requests of one text. */
export function parseAlike(text: string): OmahaRequest & { readonly alike?: Alike } {
  const bootAt = text.indexOf(boot) + boot.length
  const bootEnd = text.indexOf('"', bootAt)
  const machineAt = text.indexOf(machine, bootEnd) + machine.length
  const machineEnd = text.indexOf('"', machineAt)
  if (bootAt < boot.length || machineAt < bootEnd || machineEnd < 0 || text.length > maxLength)
    return parseOmahaRequest(text)
  const [bootId, machineId] = [text.slice(bootAt, bootEnd), text.slice(machineAt, machineEnd)]
  if (!plainId.test(bootId) || !plainId.test(machineId)) return parseOmahaRequest(text)
  const parts = [text.slice(0, bootAt), text.slice(bootEnd, machineAt), text.slice(machineEnd)] as const
  if (parts[2].startsWith(alias) && parts[2][alias.length] !== '"') return parseOmahaRequest(text)
  const alike = find(parts) ?? learn(parts, text)
  if (alike === undefined) return parseOmahaRequest(text)
  const { protocol, installSource, apps } = alike
  return { protocol, installSource, apps: [{ ...apps[0], bootId, machineId }], alike }
}

function keyOf([before, between, behind]: Known['parts']): number {
  const lengths = before.length + between.length * 31 + behind.length * 961
  return keyWith(keyWith(lengths, before, bootKey, boot.length), between, machineKey, machine.length)
}

/** With the last `size` characters in front of the last `skipped` ones. */
function keyWith(start: number, text: string, size: number, skipped: number): number {
  const end = text.length - skipped
  let key = start
  for (let at = Math.max(0, end - size); at < end; at++) key = (Math.imul(key, 31) + text.charCodeAt(at)) | 0
  return key
}

function find(parts: Known['parts']): Alike | undefined {
  const [before, between, behind] = parts
  for (const { parts: own, alike } of known.get(keyOf(parts)) ?? [])
    if (own[0] === before && own[2] === behind && own[1] === between) return alike
  return undefined
}

/**
 * What was cut out is what the canonical expression reads as ids: where a value ends in such a name, blanks are behind it. So
 * another text of the same parts is canonical, too.
 */
function learn(parts: Known['parts'], text: string): Alike | undefined {
  const alike = parseCanonical(text) as Alike | undefined
  if (alike === undefined) return undefined
  if (count === maxKnown) {
    known = new Map()
    count = 0
  }
  const key = keyOf(parts)
  const others = known.get(key) ?? []
  if (others.length < maxOfKey) count++
  known.set(key, [...others.slice(1 - maxOfKey), { parts, alike }])
  return alike
}
