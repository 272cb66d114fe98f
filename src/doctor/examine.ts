/** Checks on scratch keys whether a store keeps the contracts of Documents and Packages. */
import { scratchFolder } from '../documents/paths.ts'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Random } from '../kernel/random.ts'
import type { Documents } from '../store/documents.ts'
import type { Packages } from '../store/packages.ts'
import { type At, type StoreCheck, undecided } from './checks.ts'
import { documentChecks, essentials } from './document-checks.ts'
import { packageChecks } from './package-checks.ts'

/** The store under test. Its packages remove documents, too: both are objects of one folder or bucket. */
export interface StoreUnderTest {
  readonly documents: Documents
  readonly packages: Packages
  readonly random: Random
}

export interface Finding {
  readonly check: string
  /** `unknown`: the store did not answer, or refuses this identity. `spared`: it refuses what only tidying needs. */
  readonly outcome: 'holds' | 'broken' | 'unknown' | 'spared'
  /** What came and what was expected, or why the check is undecided. */
  readonly problem?: string
  readonly otherwise?: string
  /** The error code of an undecided check, and the remedy. */
  readonly code?: ErrorCode
  readonly hint?: string
}

export interface Diagnosis {
  /**
   * `fit`: can hold channels. `unfit`: it breaks its contract, so publishers could overwrite each other. `unknown`:
   * cannot be judged by this identity, or at this moment. `read-only`: it takes no writes from anybody here.
   */
  readonly verdict: 'fit' | 'unfit' | 'unknown' | 'read-only'
  readonly findings: readonly Finding[]
  /** Keys of scratch objects that could not be removed, and the reason. */
  readonly left: { readonly keys: readonly string[]; readonly problem?: string }
}

/**
 * Runs every check on keys of its own, then removes what was written. Stops after the first two where the store cannot be
 * read or written. Checks run at once: about 360 requests over S3, in the time of 50 in series.
 * @throws only defects: failures of the store are findings.
 */
export async function examine(patient: StoreUnderTest): Promise<Diagnosis> {
  const scratch = newScratch(patient)
  const asking = [
    ...questionsOf(documentChecks, scratch.documents),
    ...questionsOf(packageChecks, scratch.packages),
  ].map((question, number) => () => question((name) => scratch.key(number, name)))
  const settled: PromiseSettledResult<Finding>[] = []
  for (const some of [asking.slice(0, 1), asking.slice(1, 2), asking.slice(2)]) {
    settled.push(...(await Promise.allSettled(some.map((one) => one()))))
    if (!settled.every((one) => one.status === 'fulfilled' && one.value.outcome !== 'unknown')) break
  }
  const left = await scratch.remove()
  const findings = settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
  return { verdict: verdictOf(findings), findings, left }
}

function verdictOf(findings: readonly Finding[]): Diagnosis['verdict'] {
  if (findings.some(({ outcome }) => outcome === 'broken')) return 'unfit'
  if (findings.some(({ code }) => code === 'refused')) return 'read-only'
  return findings.some(({ outcome }) => outcome === 'unknown') ? 'unknown' : 'fit'
}

const questionsOf = <Store>(checks: readonly StoreCheck<Store>[], store: Store): ((at: At) => Promise<Finding>)[] =>
  checks.filter(({ when }) => when === undefined || when(store)).map((check) => (at) => ask(check, store, at))

async function ask<Store>(check: StoreCheck<Store>, store: Store, at: At): Promise<Finding> {
  const { name, otherwise, spare } = check
  try {
    await check.run(store, at)
    return { check: name, outcome: 'holds' }
  } catch (error) {
    if (!(error instanceof PlatteError)) throw error
    const { code, message: problem } = error
    if (!undecided.includes(code)) return { check: name, outcome: 'broken', problem, otherwise }
    const { hint } = withHint(error)
    const outcome = spare && code === 'forbidden' ? 'spared' : 'unknown'
    return { check: name, outcome, problem, code, ...(hint && { hint }) }
  }
}

/**
 * Refuses a store that is unsafe for concurrent publishers. Runs the essential checks on scratch keys, then removes them.
 * @throws PlatteError('refused') for such a store; 'forbidden' where this identity may not write scratch keys;
 *   'store-unavailable'.
 */
export async function refuseUnsafe(patient: StoreUnderTest & { readonly log: Log }): Promise<void> {
  const scratch = newScratch(patient)
  try {
    await essentials(scratch.documents, (name) => scratch.key(0, name))
  } catch (cause) {
    if (!(cause instanceof PlatteError)) throw cause
    if (undecided.includes(cause.code)) throw withHint(cause)
    throw new PlatteError('refused', `this store is not safe to publish to: ${cause.message}`, {
      hint: 'two publishers could silently undo each other’s work; `platte doctor` lists what is wrong',
      cause,
    })
  } finally {
    const { keys, problem } = await scratch.remove()
    if (problem) patient.log({ level: 'warn', event: 'scratch', problem: `${keys.join(', ')} stays: ${problem}` })
  }
}

/** A policy may allow the store's keys and forget the scratch keys. */
function withHint(cause: PlatteError): PlatteError {
  if (cause.code !== 'forbidden') return cause
  const hint = 'checks write under doctor/: allow this identity to read, write and remove there'
  return new PlatteError(cause.code, cause.message, { hint: cause.hint ? `${cause.hint}; ${hint}` : hint, cause })
}

/** Scratch keys of one run, and a store that records what was written to them. */
function newScratch({ documents, packages, random }: StoreUnderTest) {
  const run = Array.from({ length: 3 }, () => Math.floor(random() * 36 ** 5).toString(36)).join('')
  const written = new Set<string>()
  const writes: Promise<unknown>[] = []
  const note = <T>(key: string, write: Promise<T>): Promise<T> => {
    // Only after these refusals nothing was written.
    const neverLanded = (error: unknown): boolean =>
      error instanceof PlatteError && ['forbidden', 'refused'].includes(error.code)
    const landed = () => written.add(key)
    writes.push(write.then(landed, (error: unknown) => neverLanded(error) || landed()))
    return write
  }
  const scratchDocuments: Documents = {
    ...documents,
    create: (key, bytes) => note(key, documents.create(key, bytes)),
    swap: (key, bytes, token) => note(key, documents.swap(key, bytes, token)),
  }
  const scratchPackages: Packages = {
    ...packages,
    put: (key, body, expected) => note(key, packages.put(key, body, expected)),
  }
  const remove = async (): Promise<Diagnosis['left']> => {
    // When one of the racing writes fails the check, others may still be running.
    await Promise.all(writes)
    const problems = new Map<string, string>()
    const removing = [...written].map((key) =>
      packages.remove(key).catch((error: unknown) => {
        if (!(error instanceof PlatteError)) throw error
        problems.set(key, error.message)
      }),
    )
    await Promise.all(removing)
    const [problem] = problems.values()
    return { keys: [...problems.keys()], ...(problem && { problem }) }
  }
  const key = (check: number, name: string): string => scratchFolder(run, check) + name
  return { documents: scratchDocuments, packages: scratchPackages, key, remove }
}
