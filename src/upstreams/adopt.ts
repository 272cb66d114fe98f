/** Adopts the releases of an upstream into a channel of the same app: asks, reads packages, and publishes them as a command. */
import type { StoreReader } from '../catalog/read.ts'
import type { AdoptCommand } from '../channels/adopt-edit.ts'
import { readCommand } from '../channels/commands.ts'
import { commit } from '../channels/commit.ts'
import { draftCommand, planCommand } from '../channels/execute-command.ts'
import { checkFor, judgeAdded } from '../channels/payload.ts'
import type { EditResult, Plan } from '../channels/plan.ts'
import type { Publisher } from '../channels/publish.ts'
import { judged } from '../payload/check.ts'
import { boardOf, findRelease } from '../release/add-release.ts'
import type { BoardPackages, PackageSet } from '../release/channel.ts'
import { type Fetching, fetchPackages } from './fetch-packages.ts'
import { type Adoption, type Found, lookUp, type Unread } from './look-up.ts'
import type { Upstream } from './offer.ts'

export interface PlannedOffer extends Found {
  readonly adoption: Adoption
  /** What would change; packages that were not read have digests of zeros. */
  readonly planned: Plan
}

/** Plans without reading a package, so that what is refused is refused before. @throws PlatteError as `lookUp` and `plan`. */
export async function planOffer(reader: StoreReader, upstream: Upstream, adoption: Adoption): Promise<PlannedOffer> {
  const found = await lookUp(reader, upstream, adoption)
  const planned = await draftCommand(reader, found.command)
  for (const problem of planned.state.unreadable) reader.log({ level: 'warn', event: 'adopt', problem })
  return { ...found, adoption, planned }
}

type Reading = Readonly<{ upstream: Upstream; onBytes: (bytes: number) => void }> & {
  /** Where packages are kept, if not where the plan was made. */
  readonly into: Pick<Publisher, 'packages' | 'newHasher'>
}

/**
 * Reads the packages that the plan needs.
 * @param publisher the store of the plan. @returns the command with their digests. @throws PlatteError as `fetchPackages`.
 */
export async function readPackages(
  publisher: Pick<Publisher, 'documents' | 'packages'>,
  { adoption, command, unread, planned }: PlannedOffer,
  { upstream, into, onBytes }: Reading,
): Promise<AdoptCommand> {
  const { app, packages, raw } = adoption
  const checkOf = checkFor({ ...publisher, newHasher: into.newHasher }, app, planned.state)
  const checkFrom =
    ({ version }: Unread): Fetching['check'] =>
    (body, file, isFirst) =>
      raw ? body : judged(body, checkOf(file, isFirst ? 0 : 1, version))
  const read = new Map<Unread, BoardPackages>()
  for (const one of unread)
    if (planned.manifest && boardOf(findRelease(planned.manifest, one.version), one.board))
      read.set(one, await fetchPackages({ app, packages, upstream, into, check: checkFrom(one), onBytes }, one))
  return withRead(command, unread, read)
}

/** Leaves out what was not read: floors that are not needed yet. */
function withRead(command: AdoptCommand, unread: readonly Unread[], read: ReadonlyMap<Unread, BoardPackages>) {
  const releases = command.releases.flatMap((release) => {
    const boards = Object.entries(release.boards).flatMap(([board, known]) => {
      const lacking = unread.find((one) => one.version === release.version && one.board === board)
      const packages = lacking ? read.get(lacking) : known
      return packages ? [[board, packages] as const] : []
    })
    return boards.length > 0 ? [{ ...release, boards: Object.fromEntries(boards) }] : []
  })
  const { action, ...fields } = command
  return readCommand(action, { ...fields, releases })
}

function withoutUnread({ planned, unread }: PlannedOffer): Plan {
  const { edited } = planned
  if (edited === undefined) return planned
  const releases = edited.releases.map((release) => {
    const isRead = ([board]: readonly [string, PackageSet]): boolean =>
      !unread.some((one) => one.board === board && one.version === release.version)
    return { ...release, boards: Object.fromEntries(Object.entries(release.boards).filter(isRead)) }
  })
  return { ...planned, edited: { ...edited, releases } }
}

/** Safe to repeat. @throws PlatteError as `readPackages` and `commit`; nothing is published then. */
export async function adoptOffer(
  publisher: Publisher,
  upstream: Upstream,
  adoption: PlannedOffer,
  onBytes: (bytes: number) => void = () => {},
): Promise<EditResult> {
  const { planned, warnings } = adoption
  const command = planned.manifest && (await readPackages(publisher, adoption, { upstream, into: publisher, onBytes }))
  // What is read is judged meanwhile; packages of other channels were judged under other keys.
  if (!adoption.adoption.raw) await judgeAdded(publisher, withoutUnread(adoption))
  const result = await commit(publisher, command ? await planCommand(publisher, command) : planned)
  return withWarnings(result, warnings)
}

export const withWarnings = (result: EditResult, warnings: readonly string[]): EditResult =>
  warnings.length === 0 ? result : { ...result, warnings: [...warnings, ...(result.warnings ?? [])] }
