/** A channel as operators run it: it follows another one, in the middle of a ramp, with windows that are open for a part, and 200 releases. */

import type { Publisher } from '../../src/channels/publish.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { isoText } from '../../src/kernel/format.ts'
import type { Release, Window } from '../../src/release/channel.ts'
import { editChannel } from '../changes.ts'
import { type Answer, answerOf, type Handler } from './bare.ts'
import { app, type FlipVariant, newStore, release, releasesOf, request, requestOf, runningVersion } from './world.ts'

/** In its ramp the machine of the request stands at 0.17, and at as much in the spread of a window. */
const newestVersion = '4593.2.3'
const releases = 200
const [hourMs, dayMs] = [3_600_000, 86_400_000]

/** How many machines ask. */
export const machinesOf = (variant: FlipVariant): number => (variant === 'ramp' ? 100_000 : 1)

/** A store in which the machines of a variant are told what it says. */
export async function storeOf(variant: FlipVariant, store: Parameters<typeof newStore>[1] = {}): Promise<Publisher> {
  if (variant !== 'ramp') return newStore(releasesOf(variant), store)
  const now = systemClock()
  const channels = new Map([
    ['alpha', sourceReleases(now)],
    ['beta', []],
  ])
  const publisher = await newStore(channels, store)
  const follow = { channel: 'alpha', after: 'P7D', over: 'PT48H' }
  await editChannel(publisher, { app, channel: 'beta' }, (beta) => ({ ...beta, follow, windows: windowsAround(now) }))
  return publisher
}

/** The newest is admitted to four fifths where it was published, to half of the machines behind it; all others to everybody. */
function sourceReleases(now: number): readonly Release[] {
  const at = (days: number): string => isoText(now + days * dayMs)
  const ramp = (from: number) => [
    { at: at(from), share: 0 },
    { at: at(from + 10), share: 1 },
  ]
  const versions = [runningVersion, ...Array.from({ length: releases - 2 }, (_, i) => `4081.1.${releases - i}`)]
  const older = versions.map((version, i): Release => {
    const floor = i % 50 === 0 ? { floor: { reason: 'the new bootloader' } } : {}
    return { ...release(version), publishedAt: at(-20 - i), ramp: ramp(-20 - i), ...floor }
  })
  return [{ ...release(newestVersion), publishedAt: at(-8), ramp: ramp(-8) }, ...older]
}

/** One that began half an hour ago, so that half of the machines are let in so far, and one that is over. */
function windowsAround(now: number): readonly Window[] {
  const timeZone = 'Europe/Berlin'
  const clock = (hours: number): string =>
    new Date(now + hours * hourMs).toLocaleTimeString('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' })
  const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const
  return [
    { days, from: clock(-12), to: clock(-10), timeZone },
    { days, from: clock(-0.5), to: clock(3.5), timeZone },
  ]
}

/** Of a fleet so many machines tell what its answers look like. */
const sample = 100

/** What a variant's machines are answered, in the proportions of all. */
export async function answersOf(handler: Handler, variant: FlipVariant): Promise<readonly [Answer, ...Answer[]]> {
  const answers: [Answer, ...Answer[]] = [await answerOf(handler, request)]
  if (machinesOf(variant) > 1)
    for (let machine = 1; machine < sample; machine++) answers.push(await answerOf(handler, requestOf(machine)))
  for (const part of expected[variant])
    if (!answers.some(({ text }) => text.includes(part))) throw new Error(`${part} was expected: ${answers[0].text}`)
  return answers
}

const offered = (version: string): string => `<manifest version="${version}">`

const expected: Readonly<Record<FlipVariant, readonly string[]>> = {
  'no-update': ['"up-to-date"'],
  update: [offered('4593.2.0')],
  ramp: [offered(newestVersion), '"not-in-ramp"', '"outside-window"'],
  control: ['"up-to-date"'],
}
