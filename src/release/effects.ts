/** Which machines a release reaches that is added below newer ones, in the words of `decide`. Pure. */
import { boardOf, findRelease } from './add-release.ts'
import type { Channel } from './channel.ts'
import { explainReason } from './decide.ts'
import { walk } from './rollout-status.ts'
import { compareVersions, newestFirst } from './version.ts'
import type { ChannelView } from './view.ts'

/** @param view of the channel afterwards. @returns a sentence for each board of each release below the newest. */
export function effectsBelow(before: Channel, after: Channel, view: ChannelView, now: number): readonly string[] {
  return after.releases.flatMap((release) => {
    const known = findRelease(before, release.version)
    const added = Object.keys(release.boards).filter((board) => known === undefined || !boardOf(known, board))
    const isBelow = (board: string): boolean =>
      before.releases.some((one) => boardOf(one, board) && newestFirst(one, release) < 0)
    return added.filter(isBelow).map((board) => reachText(view, { board, version: release.version }, now))
  })
}

type Added = Readonly<{ board: string; version: string }>

/** e.g. `3510.2.9 for amd64-usr: offered to machines that run less than it. No machine moves down.` */
function reachText(view: ChannelView, { board, version }: Added, now: number): string {
  const candidates = view.boards.get(board)?.candidates ?? []
  const one = candidates.find(({ release }) => release.version === version)
  const rampEnds = one?.ramps.flatMap(({ points }) => points.map(({ at }) => at)) ?? []
  const at = Math.max(now, one?.seenFrom ?? now, ...rampEnds)
  const walkFrom = (running: string) => walk({ version: running, board, onNoList: true }, view, at, { isPatient: true })
  const reaches = (running: string): boolean => one !== undefined && walkFrom(running).steps.includes(one)
  const below = candidates.filter((other) => compareVersions(other.version, one?.version) < 0)
  const lower = [...below.map(({ release }) => release.version), '']
  const reached = lower.filter(reaches)
  const sentBack = view.rollbackFrom.filter(
    ({ text, version: from }) => compareVersions(from, one?.version) > 0 && reaches(text),
  )
  const up =
    reached.length === lower.length
      ? 'offered to machines that run less than it'
      : reached.length > 0
        ? `offered to machines that run ${reached.map((text) => text || 'older versions').join(', ')}`
        : `not offered to machines that run less than it: ${whatElse(walkFrom(''))}`
  const froms = sentBack.map(({ text }) => text).join(', ')
  const down = froms
    ? `The running rollback of ${froms} moves machines that run it down to this; no other machine moves down.`
    : 'No machine moves down.'
  return `${version} for ${board}: ${up}. ${down}`
}

function whatElse({ steps, end }: ReturnType<typeof walk>): string {
  const last = steps.at(-1)
  if (last) return `they get ${last.release.version}`
  return end ? explainReason(end.reason) + (end.because ? `: ${end.because}` : '') : 'nothing is offered'
}
