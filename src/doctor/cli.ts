import type { Command } from 'commander'
import { command, type Options, settingsOf } from '../cli/options.ts'
import { notice, show } from '../cli/terminal.ts'
import { PlatteError } from '../kernel/errors.ts'
import { openStore } from '../runtime/store.ts'
import { type Diagnosis, examine, type Finding } from './examine.ts'

export function doctorCommand(): Command {
  return command('doctor', 'test whether a store can hold channels', ['store'])
    .addHelpText('after', '\nIt writes under doctor/ in the store, and removes that again.\nNothing else is touched.')
    .action(async (options: Options) => {
      const { store } = settingsOf(options, ['store'])
      const diagnosis = await examine(await openStore(store))
      show(options.json, diagnosis, [...diagnosis.findings.flatMap(linesOf), verdicts[diagnosis.verdict]])
      const { keys, problem } = diagnosis.left
      const [folder, run] = keys[0]?.split('/') ?? []
      if (problem) notice(`warning: ${keys.length} scratch objects stay, remove ${folder}/${run}/ yourself: ${problem}`)
      throwUnlessFit(diagnosis)
    })
}

const marks: Readonly<Record<Finding['outcome'], string>> = {
  holds: 'ok     ',
  broken: 'FAILED ',
  unknown: 'unknown',
  spared: 'spared ',
}

function linesOf({ check, outcome, problem, otherwise }: Finding): string[] {
  const more = [problem, otherwise && `so ${otherwise}`].filter((line) => line !== undefined)
  return [`${marks[outcome]} ${check}`, ...more.map((line) => `        ${line}`)]
}

const verdicts: Readonly<Record<Diagnosis['verdict'], string>> = {
  fit: 'this store can hold channels',
  unfit: 'this store cannot hold channels: publishers could silently undo each other’s work, or machines miss releases',
  unknown: 'inconclusive: the store did not answer, or it refuses this identity',
  'read-only': 'this store is read-only here: run `platte doctor` where it is published to',
}

/** @throws PlatteError where the store cannot hold channels, or a check is undecided. */
function throwUnlessFit({ verdict, findings }: Diagnosis): void {
  const broken = findings.filter(({ outcome }) => outcome === 'broken').length
  if (verdict === 'unfit')
    throw new PlatteError('mismatch', `${broken} of ${findings.length} checks failed`, {
      hint: 'use another store, or a version of it that honours If-None-Match and If-Match; see docs/stores.md',
    })
  const unknown = findings.find(({ outcome }) => outcome === 'unknown')
  if (unknown === undefined) return
  const { code = 'store-unavailable', problem = '', hint } = unknown
  throw new PlatteError(code, problem, { ...(hint && { hint }) })
}
