/** The boards that an app has by its file: nothing is stored of them; they find slips. Pure. */
import { isLive } from '../catalog/channels.ts'
import { nearestOf } from '../kernel/nearest.ts'
import { pathOf, wrongAt } from './desired.ts'
import type { AppState, AppWish } from './finals.ts'

/**
 * @returns what the channels have otherwise, in sentences; nothing where the file lists no boards.
 * @throws PlatteError('refused') for a hold on another board, since a version can be held before it comes.
 */
export function checkBoards({ app, heads }: AppState, { config }: AppWish): readonly string[] {
  const { boards, channels } = config
  if (boards === undefined) return []
  for (const [channel, { holds = [] }] of Object.entries(channels))
    for (const { version, board, reason } of holds) {
      if (board === undefined || reason === false || boards.includes(board)) continue
      const nearest = nearestOf(board, boards)
      const hint = `${nearest ? `did you mean ${nearest}? ` : ''}The boards of ${app}: ${boards.join(', ')}`
      throw wrongAt(pathOf({ app, channel }, 'holds', version, board), 'no such board', hint)
    }
  const live = [...heads.values()].flatMap((head) => (isLive(head?.manifest) ? [head.manifest] : []))
  const found = live.flatMap(({ channel, releases }) =>
    releases.flatMap(({ boards: of }) => Object.keys(of).map((board) => ({ channel, board }))),
  )
  const path = `apps.${app}.boards`
  const others = Map.groupBy(
    found.filter(({ board }) => !boards.includes(board)),
    ({ board }) => board,
  )
  return [
    ...[...others].map(([board, all]) => {
      const names = [...new Set(all.map(({ channel }) => channel))].join(', ')
      return `${path}: ${names} ${names.includes(',') ? 'have' : 'has'} releases for ${board}, which is not in the list`
    }),
    ...boards
      .filter((board) => live.length > 0 && !found.some((one) => one.board === board))
      .map((board) => `${path}: no channel has a release for ${board} yet`),
  ]
}
