/** Downloads the packages of an upstream, compares them with its answer, and keeps those that are right. */
import { type Publisher, withOptional } from '../channels/publish.ts'
import { hashAll, hashAndStage, type Source } from '../channels/staging.ts'
import { packageFolder } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { tap } from '../kernel/streams.ts'
import type { BoardPackages, Package } from '../release/channel.ts'
import type { StagedPackage } from '../store/packages.ts'
import { remoteFile } from '../url-files/download.ts'
import type { Adoption, Unread } from './look-up.ts'
import { type OfferedPackage, placed, type Upstream } from './offer.ts'

export interface Fetching extends Pick<Adoption, 'app' | 'packages'> {
  readonly upstream: Upstream
  /** Where packages are kept, unless they stay at the upstream. */
  readonly into: Pick<Publisher, 'packages' | 'newHasher'>
  /** Passes a package on, and fails where machines would refuse it. The first one is the OS package. */
  readonly check: (
    body: ReadableStream<Uint8Array>,
    file: OfferedPackage,
    isFirst: boolean,
  ) => ReadableStream<Uint8Array>
  readonly onBytes: (bytes: number) => void
}

/**
 * Reads the packages of one release and board from the first of its URLs that has them.
 * @throws PlatteError('mismatch') for another size or digest than announced; as `remoteFile` and the payload's check. The
 *   message names upstream, version, board and package; nothing is kept.
 */
export async function fetchPackages(fetching: Fetching, unread: Unread): Promise<BoardPackages> {
  let failure: unknown
  for (const codebase of unread.codebases)
    try {
      const packages = withOptional(await fetchFrom(fetching, unread, codebase))
      return { codebases: fetching.packages === 'copy' ? [] : [codebase], packages }
    } catch (error) {
      failure ??= placed(error, `${fetching.upstream.name}, ${unread.version} for ${unread.board}`)
    }
  throw failure
}

async function fetchFrom(fetching: Fetching, unread: Unread, codebase: string): Promise<BoardPackages['packages']> {
  const { upstream, into, check, onBytes } = fetching
  const sources: (Source & OfferedPackage)[] = []
  for (const [i, one] of unread.packages.entries()) {
    const url = unread.areFiles ? codebase : codebase + encodeURIComponent(one.name)
    const { open } = await remoteFile(url, { ...upstream, size: one.size })
    sources.push({ ...one, open: () => check(open(), one, i === 0) })
  }
  if (fetching.packages === 'reference') return described(sources, await hashAll(into, sources, onBytes))
  const told = sources.flatMap(({ sha256, sha1, ...one }) => (sha256 && sha1 ? [{ ...one, sha256, sha1 }] : []))
  if (told.length < sources.length) return stageAndKeep(fetching, unread, sources)
  // Their keys are known: what was kept before a failure stays.
  await keepTold(into, packageFolder({ ...fetching, ...unread }, told), told, { check, onBytes })
  return described(sources, told)
}

type Told = Source & Omit<Package, 'required'>

/**
 * Keeps packages whose digests are known, and so their keys: each is read once. What is there already is judged where it is.
 * @param told `open` judges what it reads, as `check` does. @throws PlatteError('mismatch') for other bytes.
 */
export async function keepTold(
  { packages }: Fetching['into'],
  folder: string,
  told: readonly Told[],
  { check, onBytes }: Pick<Fetching, 'check' | 'onBytes'>,
): Promise<void> {
  for (const [i, { name, open, ...expected }] of told.entries()) {
    const there = await packages.open(folder + name)
    if (there?.size === expected.size) for await (const _ of check(there.body, { name, ...expected }, i === 0));
    else {
      await there?.body.cancel()
      const body = tap(open(), ({ length }) => onBytes(length))
      await packages.put(folder + name, body, expected)
    }
  }
}

async function stageAndKeep(
  { into, onBytes, app }: Fetching,
  unread: Unread,
  sources: readonly (Source & OfferedPackage)[],
) {
  const staged = await hashAndStage(into, sources, onBytes)
  const kept = new Set<StagedPackage>()
  try {
    const packages = described(sources, staged)
    const folder = packageFolder({ app, ...unread }, packages)
    for (const [i, one] of staged.entries()) {
      await one.keep(folder + packages[i]?.name)
      kept.add(one)
    }
    return packages
  } finally {
    await Promise.all(staged.filter((one) => !kept.has(one)).map((one) => one.discard()))
  }
}

/** @throws PlatteError('mismatch') for another size or digest than announced. */
function described(offered: readonly OfferedPackage[], found: readonly Omit<Package, 'name'>[]) {
  const packages = found.map(({ size, sha256, sha1 }, i): Package => {
    const { name = '', install, ...told } = offered[i] ?? {}
    for (const [member, value] of Object.entries({ size, sha256, sha1 }))
      if (told[member as keyof typeof told] !== undefined && told[member as keyof typeof told] !== value)
        throw new PlatteError(
          'mismatch',
          `${name}: its ${member} is ${value}, and the answer says ${told[member as keyof typeof told]}`,
        )
    return { name, size, sha256, sha1, ...defined({ install }) }
  })
  return packages as [Package, ...Package[]]
}
