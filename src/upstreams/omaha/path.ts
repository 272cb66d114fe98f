/** Walks the path of releases that an Omaha server leads a machine of one board: its floors, and at last its newest. */
import { PlatteError } from '../../kernel/errors.ts'
import { isSameVersion, newestFirst } from '../../release/version.ts'
import type { OfferedFiles, Upstream, Wanted } from '../offer.ts'
import type { AnsweredManifest, OmahaAnswer } from './answer.ts'
import { type Asker, askOmaha, nothing } from './ask.ts'

/** No channel has as many floors. */
const maxSteps = 64

type Asking = Pick<Upstream, 'from' | 'transport'>

/**
 * Asks as a syncer; where the server offers a syncer nothing, as a machine.
 * @throws PlatteError as `askOmaha`; 'refused' for a status that is an error; 'bad-document' for a path that is too long.
 */
export async function walkPath(upstream: Asking, wanted: Wanted): Promise<readonly OfferedFiles[]> {
  const first = await ask(upstream, wanted, 'syncer', nothing)
  if (first.status === 'ok') return walk(upstream, wanted, 'syncer', first)
  // A Platte offers a syncer what every machine gets, and a machine perhaps more.
  if (first.server === 'platte') return []
  return walk(upstream, wanted, 'machine', await ask(upstream, wanted, 'machine', nothing))
}

async function ask(upstream: Asking, { app, channel, board }: Wanted, role: Asker['role'], version: string) {
  const asker = { app, channel, board, role, version }
  const first = await askOmaha(upstream, asker)
  // Nebraska offers nothing to a syncer that it has not seen for a day, and has seen it then.
  const isForgotten = role === 'syncer' && first.status === 'noupdate' && first.server !== 'platte'
  const answer = isForgotten ? await askOmaha(upstream, asker) : first
  if (['ok', 'noupdate', noPackage].includes(answer.status)) return answer
  const status = JSON.stringify(answer.status)
  throw new PlatteError('refused', `the answer: status: is ${status}: it offers no updates now`, {
    hint: hints.find(([words]) => words.test(answer.status))?.[1] ?? 'try again later, or ask its owner',
  })
}

/** Nebraska's group and channel are there, and empty. */
const noPackage = 'error-noPackageFound'

/** What may help, by Nebraska's statuses. */
const hints: readonly (readonly [status: RegExp, hint: string])[] = [
  [/^error-max/, 'its limit of updates is reached: try again later, or ask for a group without a limit'],
  [/Disabled$/, 'its updates are paused, or it is outside its office hours: try again later'],
  [/unknown|failedToRetrieve/i, 'it has no such channel for this board: check --channel (capitals count) and --boards'],
]

async function walk(upstream: Asking, wanted: Wanted, role: Asker['role'], first: OmahaAnswer) {
  const found: OfferedFiles[] = []
  let newest: OfferedFiles | undefined
  let answer = first
  for (let version = nothing; answer.status === 'ok'; answer = await ask(upstream, wanted, role, version)) {
    const steps = risingFrom(version, answer.manifests)
    // Some servers offer again what a machine says it runs.
    if (steps.length === 0) break
    const last = steps.at(-1)
    newest = last && { ...last, codebases: wanted.isKnown(last.version) ? undefined : answer.codebases }
    // A server may list only the first floors: the newest comes again, after the last of them.
    for (const [i, step] of (steps.length > 1 ? steps.slice(0, -1) : steps).entries()) {
      const before = steps[i - 1]?.version ?? version
      const codebases = await codebasesOf(upstream, wanted, { answer, step, before, isAlone: steps.length === 1 })
      found.push({ ...step, codebases })
    }
    if (found.length > maxSteps)
      throw new PlatteError('bad-document', `the answer: leads through more than ${maxSteps} releases`)
    version = found.at(-1)?.version ?? version
  }
  const isLacking = newest && found.every(({ version }) => !isSameVersion(version, newest?.version ?? ''))
  return [...found, ...(newest && isLacking ? [newest] : [])].map(({ floor, ...one }, i, all): OfferedFiles => {
    // A machine is led to a release before the newest only where it must pass through it.
    const why = i < all.length - 1 ? (floor ?? 'a floor of the upstream') : floor
    return { ...one, floor: why }
  })
}

/** What is above a version, each version once, oldest first. Platte writes a floor that is the target twice. */
const risingFrom = (version: string, manifests: readonly AnsweredManifest[]): readonly AnsweredManifest[] =>
  manifests
    .filter((one, i) => manifests.findIndex((other) => isSameVersion(one.version, other.version)) === i)
    .filter((one) => newestFirst(one, { version }) < 0)
    .toSorted((a, b) => newestFirst(b, a))

type Step = Readonly<{ answer: OmahaAnswer; step: AnsweredManifest; before: string; isAlone: boolean }>

/**
 * All manifests of one answer share the URL of its newest: only a machine right below a floor gets the floor's own.
 * Where it gets something else, as from a server that limits updates, the URL may still have the same form.
 */
async function codebasesOf(upstream: Asking, wanted: Wanted, { answer, step, before, isAlone }: Step) {
  if (wanted.isKnown(step.version)) return undefined
  if (isAlone) return answer.codebases
  const own = await ask(upstream, wanted, 'machine', before).catch((error: unknown) => {
    if (error instanceof PlatteError && error.code === 'refused') return undefined
    throw error
  })
  const told = own?.manifests.some((one) => isSameRelease(one, step)) ? own.codebases : []
  const newest = answer.manifests.map(({ version }) => `/${version}/`)
  // A server that keeps all versions in one folder has them in the names of its files.
  const alike = answer.codebases.map((url) => {
    const part = newest.find((one) => url.includes(one))
    return part === undefined ? url : url.replace(part, `/${step.version}/`)
  })
  const all = [...new Set([...told, ...alike])]
  if (all.length > 0) return all
  const got = own?.manifests[0]?.version ?? 'nothing'
  throw new PlatteError('refused', `no URL of the floor ${step.version}: a machine of ${before} is offered ${got}`, {
    hint: 'the server may limit updates now: try again later, or publish the floor by hand',
  })
}

const isSameRelease = (one: AnsweredManifest, other: AnsweredManifest): boolean =>
  isSameVersion(one.version, other.version) &&
  other.packages.every(({ name, size }) => one.packages.some((found) => found.name === name && found.size === size))
