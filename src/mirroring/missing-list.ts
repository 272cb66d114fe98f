/** The list of packages that the own store lacks: several mirrors may fill one store, so each edit is a swap. */
import { decodeMissing, encodeMissing, type MissingPackages } from '../documents/missing.ts'
import { missingKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { systemRandom } from '../kernel/random.ts'
import { update } from '../store/update.ts'
import { damagedBytes, type Pass } from './mirror-pass.ts'

type MissingList = readonly MissingPackages[]

/** @param edit gets what is listed now. @returns what is listed then. */
export async function editList({ to }: Pass, edit: (listed: MissingList) => MissingList): Promise<MissingList> {
  return update({ documents: to.documents, random: systemRandom }, missingKey, async () => {
    const stored = await to.documents.get(missingKey, damagedBytes)
    const listed = stored === undefined ? [] : listedIn(stored.bytes)
    const result = edit(listed ?? [])
    if (listed !== undefined && JSON.stringify(listed) === JSON.stringify(result)) return { result }
    return { result, write: { key: missingKey, bytes: encodeMissing(result), token: stored?.token } }
  })
}

/** Adds folders that are not listed. @returns what is listed then. */
export const listAlso = (pass: Pass, more: MissingList): Promise<MissingList> =>
  editList(pass, (listed) => {
    const known = new Set(listed.map(({ packages }) => packages))
    return [
      ...listed,
      ...[...new Map(more.map((one) => [one.packages, one])).values()].filter((one) => !known.has(one.packages)),
    ]
  })

/** @returns `undefined` for a damaged list, which is written anew. */
function listedIn(bytes: Uint8Array): MissingList | undefined {
  try {
    return decodeMissing(bytes)
  } catch (error) {
    if (error instanceof PlatteError) return undefined
    throw error
  }
}

export const appOf = ({ packages }: MissingPackages): string => packages.split('/')[1] ?? ''

/** Readers look at the list every 30 seconds. */
const pauseMs = 1000

/** Takes folders off the list that are complete, and notes why others are not: now and then, of all that is known. */
export function listUpdates(pass: Pass) {
  const complete = new Set<string>()
  const problems = new Map<string, string>()
  let [isDue, isEnded] = [false, false]
  let writing: Promise<void> | undefined
  let endPause = (): void => {}
  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs)
      endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const apply = (listed: MissingList): MissingList =>
    listed
      .filter(({ packages }) => !complete.has(packages))
      .map((one) => {
        const problem = problems.get(one.packages)
        return problem === undefined ? one : { ...one, problem }
      })
  const write = async (): Promise<void> => {
    while (isDue) {
      isDue = false
      await editList(pass, apply)
      if (!isEnded) await pause()
    }
    writing = undefined
  }
  return {
    note(folder: string, problem: string | undefined): void {
      if (problem === undefined) complete.add(folder)
      else problems.set(folder, problem)
      isDue = true
      writing ??= write()
      // `end` throws it.
      writing.catch(() => {})
    },
    /** Writes what is left. @throws what a write failed with. */
    async end(): Promise<void> {
      isEnded = true
      endPause()
      await writing
    },
  }
}
