/** Walks the path of releases that an Omaha server leads a machine of one board: its floors, and at last its newest. */
import { PlatteError } from '../../kernel/errors.ts'
import { isSameVersion, newestFirst } from '../../release/version.ts'
import type { OfferedRelease, Upstream, Wanted } from '../offer.ts'
import type { AnsweredManifest, OmahaAnswer } from './answer.ts'
import { type Asker, askOmaha, nothing } from './ask.ts'

/** No channel has as many floors. */
const maxSteps = 64

type Asking = Pick<Upstream, 'from' | 'transport'>

/**
 * Asks as a syncer; where the server offers a syncer nothing, as a machine.
 * @throws PlatteError as `askOmaha`; 'refused' for a status that is an error; 'bad-document' for a path that does not rise.
 */
export async function walkPath(upstream: Asking, wanted: Wanted): Promise<readonly OfferedRelease[]> {
  const first = await ask(upstream, wanted, 'syncer', nothing)
  // Nebraska offers nothing to a syncer that it has not seen for a day, and has seen it then.
  const again = first.status === 'noupdate' ? await ask(upstream, wanted, 'syncer', nothing) : first
  if (again.status !== 'noupdate') return walk(upstream, wanted, 'syncer', again)
  // A Platte offers a syncer what every machine gets, and a machine perhaps more.
  if (again.server === 'platte') return []
  return walk(upstream, wanted, 'machine', await ask(upstream, wanted, 'machine', nothing))
}

async function ask(upstream: Asking, { app, channel, board }: Wanted, role: Asker['role'], version: string) {
  const answer = await askOmaha(upstream, { app, channel, board, role, version })
  if (answer.status === 'ok' || answer.status === 'noupdate') return answer
  throw new PlatteError(
    'refused',
    `the answer: status: is ${JSON.stringify(answer.status)}: it offers no updates now`,
    {
      hint: 'check the name of the channel, and whether updates are enabled there',
    },
  )
}

async function walk(upstream: Asking, wanted: Wanted, role: Asker['role'], first: OmahaAnswer) {
  const found: OfferedRelease[] = []
  let answer = first
  for (let version = nothing; answer.status === 'ok'; answer = await ask(upstream, wanted, role, version)) {
    const steps = risingFrom(version, answer.manifests)
    // Some servers offer again what a machine says it runs.
    if (steps.length === 0) break
    for (const [i, step] of steps.entries()) {
      const before = steps[i - 1]?.version ?? version
      const codebases = await codebasesOf(upstream, wanted, { answer, step, before, isAlone: steps.length === 1 })
      found.push({ ...step, codebases })
    }
    if (found.length > maxSteps)
      throw new PlatteError('bad-document', `the answer: leads through ${found.length} releases`)
    version = found.at(-1)?.version ?? version
  }
  return found.map(({ floor, ...one }, i): OfferedRelease => {
    // A machine is led to a release before the newest only where it must pass through it.
    const why = i < found.length - 1 ? (floor ?? 'a floor of the upstream') : floor
    return { ...one, floor: why }
  })
}

/** Each version once, oldest first. @throws PlatteError('bad-document') for one that is not above the version asked with. */
function risingFrom(version: string, manifests: readonly AnsweredManifest[]): readonly AnsweredManifest[] {
  // Platte writes a floor that is the target twice.
  const distinct = manifests.filter(
    (one, i) => manifests.findIndex((other) => isSameVersion(one.version, other.version)) === i,
  )
  const above = distinct.filter((one) => newestFirst(one, { version }) < 0)
  if (above.length < distinct.length && above.length > 0)
    throw new PlatteError('bad-document', `the answer: offers ${distinct[0]?.version} to a machine of ${version}`)
  return above.toSorted((a, b) => newestFirst(b, a))
}

type Step = Readonly<{ answer: OmahaAnswer; step: AnsweredManifest; before: string; isAlone: boolean }>

/** All manifests of one answer share the URL of its target: only a machine right below a floor is told the floor's own. */
async function codebasesOf(upstream: Asking, wanted: Wanted, { answer, step, before, isAlone }: Step) {
  if (wanted.isKnown(step.version)) return undefined
  if (isAlone || step.isTarget) return answer.codebases
  const own = await ask(upstream, wanted, 'machine', before)
  const [offered] = own.manifests
  if (offered && isSameVersion(offered.version, step.version)) return own.codebases
  const got = offered?.version ?? 'nothing'
  throw new PlatteError('refused', `no URL of the floor ${step.version}: a machine of ${before} is offered ${got}`, {
    hint: 'the server may limit updates now: try again later, or publish the floor by hand',
  })
}
