/** The projection of a process that runs on: opened again after a failure, made anew where its file is damaged or gone. */
import { statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { describeError, type Log } from '../kernel/log.ts'
import { isDamage, putAside } from './database.ts'
import { openProjection, type Projection, type ProjectionOptions } from './projection.ts'

/** Between looking for what is too old, and for damage that no write meets. */
const upkeepMs = 6 * 60 * 60 * 1000
/** Until a file that cannot be opened or written, as on a full disk, is tried again. */
const retryMs = 30_000

export interface KeptProjection {
  /**
   * Never throws: a failure is logged, and not again while it lasts. @param task names what may fail on its own.
   * @returns whether the work was done.
   */
  use(task: string, work: (projection: Projection) => unknown): Promise<boolean>
  /** Every 6 hours, forgets what is too old, and looks for damage that no write meets. */
  upkeep(): Promise<void>
  close(): void
}

/** @throws PlatteError('configuration') where the file cannot be opened now. */
export function keepProjection(file: string, options: ProjectionOptions, log: Log): KeptProjection {
  let projection: Projection | undefined = openProjection(file, options)
  let mark = markOf(file)
  let [failedAt, keptUpAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const problems = new Map<string, string>()

  const current = (): Projection => {
    const now = markOf(file)
    // SQLite would go on writing into a file that is deleted, and into one that lost its end.
    if (projection && (now?.ino !== mark?.ino || Number(now?.size) < Number(mark?.size))) throw new Gone()
    projection ??= openProjection(file, options)
    mark = now ?? markOf(file)
    return projection
  }
  const fail = (task: string, error: unknown): void => {
    const isLost = error instanceof Gone || isDamage(error)
    if (!(error instanceof PlatteError)) {
      // What is held in memory may not be in the file.
      projection?.close()
      projection = undefined
      failedAt = isLost ? Number.NEGATIVE_INFINITY : options.clock()
    }
    const problem = isLost ? `${file} ${lossOf(error)}; it is made anew from the files of events` : messageOf(error)
    try {
      if (isLost) putAside(file)
    } catch {
      failedAt = options.clock()
    }
    if (problems.get(task) === problem) return
    problems.set(task, problem)
    log({ level: 'error', event: 'fleet', ...describeError(error, false), problem })
  }
  const use: KeptProjection['use'] = async (task, work) => {
    if (projection === undefined && Math.abs(options.clock() - failedAt) < retryMs) return false
    let used: Projection | undefined
    try {
      used = current()
      await work(used)
      problems.delete(task)
      return true
    } catch (error) {
      // Another task met it first, and closed the file.
      if (used === undefined || used === projection) fail(task, error)
      return false
    }
  }
  return {
    use,
    upkeep: async () => {
      const now = options.clock()
      if (Math.abs(now - keptUpAt) < upkeepMs) return
      keptUpAt = now
      await use('prune', (fleet) => fleet.prune())
      const error = Object.assign(new Error('found by a check'), { errcode: await checkFile(file) })
      if (isDamage(error)) await use('check', () => Promise.reject(error))
    },
    close: () => projection?.close(),
  }
}

class Gone extends Error {}

const lossOf = (error: unknown): string =>
  error instanceof Gone ? 'was deleted, replaced or cut short' : `is damaged (${messageOf(error)})`

const markOf = (file: string) => statSync(file, { throwIfNoEntry: false })

const checking = `
const { parentPort, workerData } = require('node:worker_threads')
const { DatabaseSync } = require('node:sqlite')
let errcode = 0
try {
  const [answer] = Object.values(new DatabaseSync(workerData, { readOnly: true }).prepare('PRAGMA quick_check(1)').get())
  if (answer !== 'ok') errcode = 11
} catch (error) {
  errcode = error.errcode ?? 0
}
parentPort.postMessage(errcode)`

/** In a thread of its own: a large file takes seconds. @returns the number of SQLite's error; 0 for none. */
const checkFile = (file: string): Promise<number> =>
  new Promise((resolve) => {
    const worker = new Worker(checking, { eval: true, workerData: file })
    for (const end of ['error', 'exit'] as const) worker.once(end, () => resolve(0))
    worker.once('message', resolve)
  })
