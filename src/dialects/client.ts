/** What JSON and gupdate requests say of a client, as this endpoint decides by it: its board, channel and place in ramps. */
import { groupOf } from '../kernel/group.ts'
import type { Random } from '../kernel/random.ts'

/** The channel of clients that name none: extensions have no setting for it. */
const defaultChannel = 'stable'

const systems: Readonly<Record<string, string>> = {
  ...{ win: 'win', windows: 'win', mac: 'mac', macos: 'mac', 'mac os x': 'mac', linux: 'linux', ios: 'ios' },
  ...{ cros: 'cros', 'chrome os': 'cros', chromeos: 'cros', android: 'android', fuchsia: 'fuchsia' },
}
const processors: Readonly<Record<string, string>> = {
  ...{ x64: 'x64', x86_64: 'x64', amd64: 'x64', x86: 'x86', i386: 'x86', i686: 'x86', ia32: 'x86', 'x86-32': 'x86' },
  ...{ 'x86-64': 'x64', arm64: 'arm64', aarch64: 'arm64', arm: 'arm', armv7l: 'arm' },
}

/**
 * The board of a platform, such as `win-x64`; empty where either is unknown: `any` then.
 * @param system words for the operating system, @param processor and for its processor; the first that is known counts.
 */
export function platformBoard(system: readonly string[], processor: readonly string[]): string {
  const [os, arch] = [firstIn(systems, system), firstIn(processors, processor)]
  return os && arch ? `${os}-${arch}` : ''
}

function firstIn(names: Readonly<Record<string, string>>, words: readonly string[]): string | undefined {
  for (const one of words) {
    const word = one.toLowerCase()
    if (Object.hasOwn(names, word)) return names[word]
  }
  return undefined
}

const noCohort: readonly string[] = []
/** A name that others gave, and the place that this endpoint added, in 10,000. */
const cohortForm = /^([A-Za-z][\w.-]{0,63})?(?::(\d{4}))?$/

export interface Placed {
  readonly channel: string
  readonly rampId: string
  readonly cohort?: string
}

/**
 * Where a client is. Without an id of its own it gets a cohort, which it sends with every later request; nothing is stored.
 * One in 10,000 is a group and no name of a client.
 * @param hints the channel in the client's words, the strongest first; the cohort's name is the weakest.
 * @param id of the installation. @param cohort as the client stores it; `undefined`: it can store none.
 */
export function placeClient(
  hints: readonly string[],
  { id, cohort }: { readonly id: string; readonly cohort: string | undefined },
  random: Random,
): Placed {
  const [, name = '', place] = (cohort && cohortForm.exec(cohort)) || noCohort
  const channel = groupOf(hints.find((hint) => hint !== '') || name || defaultChannel)
  // An id of zeros is none.
  if (/[^{}0-]/.test(id) || cohort === undefined) return { channel, rampId: id }
  if (place !== undefined) return { channel, rampId: `cohort-${place}` }
  const fresh = String(Math.floor(random() * 10_000)).padStart(4, '0')
  return { channel, rampId: `cohort-${fresh}`, cohort: `${name}:${fresh}` }
}
