/** A stream of Fedora CoreOS as an upstream: `fcos:https://HOST/updates/stable.json`. */
import { fetchStream, streamPlace } from '../fcos/read.ts'
import type { StreamRelease } from '../fcos/stream.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type Channel, packagesFor } from '../release/channel.ts'
import { isSameVersion } from '../release/version.ts'
import { configuredAt } from '../store/http/fetch.ts'
import { type OfferedRelease, type Opening, placed, type Upstream } from './offer.ts'

/** Both files are read once for all boards. @param place the URL of `updates/<stream>.json`. @throws PlatteError('usage') */
export function openFcos(place: string, { transport, releasesJson, now = 0 }: Opening): Upstream {
  const files = streamPlace(place, releasesJson)
  const { origin } = new URL(files.updates)
  const from = configuredAt(files.updates)
  const where = `${origin}, channel ${files.stream}`
  const fromOf = (url: string) => (url === files.updates ? from : configuredAt(url))
  let reading: Promise<readonly StreamRelease[]> | undefined
  const read = () => {
    reading ??= fetchStream(files, { transport, now, from: fromOf }).catch((error: unknown) => {
      throw placed(error, where)
    })
    return reading
  }
  return {
    ...{ name: origin, from, transport, channel: files.stream },
    boards: async () => [...new Set((await read()).flatMap(({ boards }) => Object.keys(boards)))].sort(),
    async ask({ channel, board }) {
      if (channel !== files.stream)
        throw new PlatteError('usage', `${where}: has no channel ${JSON.stringify(channel)}`, {
          hint: 'leave --channel out, or name the file of that stream',
        })
      return (await read()).flatMap(({ boards, ...one }): readonly OfferedRelease[] => {
        const image = packagesFor({ boards }, board)
        return image ? [{ ...one, image }] : []
      })
    },
  }
}

/** Streams list all their marks, and adopting takes none away. @returns sentences; none for files, whose servers list no marks. */
export function marksOnlyHere(own: Channel | undefined, offered: readonly OfferedRelease[]): readonly string[] {
  const there = offered.filter((one) => 'image' in one)
  const has = (mark: 'floor' | 'deadEnd', version: string): boolean =>
    there.some((one) => one[mark] !== undefined && isSameVersion(one.version, version))
  if (own === undefined || there.length === 0) return []
  return own.releases.flatMap(({ version, floor, deadEnd }) => [
    ...(floor && !has('floor', version) ? [`${version} is a floor here only: platte floor ${version} --undo`] : []),
    ...(deadEnd && !has('deadEnd', version)
      ? [`${version} is a dead end here only: platte dead-end ${version} --undo`]
      : []),
  ])
}
