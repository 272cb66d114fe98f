/** Makes the folder of a copy on the first run only: what vanished later, such as a volume that is not mounted, stays away. */
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { textDigest } from '../../kernel/digest.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import type { Environment } from '../../kernel/setting.ts'
import type { StoreSetting } from '../../runtime/own-settings.ts'

/**
 * @param env its `XDG_STATE_HOME`, or else `.local/state` of its `HOME`, remembers which folders were made. Without either, or
 *   where it cannot be written, every run may be the first.
 * @throws PlatteError('store-unavailable') where the folder was there before, or its parent is not there.
 */
export async function makeOnFirstRun(setting: StoreSetting, env: Environment): Promise<void> {
  if (setting.kind !== 'file') return
  const dir = resolve(setting.dir)
  const mark = markOf(dir, env)
  if (!(await isThere(dir))) {
    const mount = `mount what belongs there; to begin a new copy, make the folder: mkdir -p ${dir}`
    if (mark !== undefined && (await isThere(mark)))
      throw new PlatteError('store-unavailable', `${dir}: the folder of the store was made before, and is gone`, {
        hint: mount,
      })
    await mkdir(dir).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EEXIST') return
      const problem = cause.code === 'ENOENT' ? `${dirname(dir)} does not exist` : messageOf(cause)
      throw new PlatteError('store-unavailable', `${dir} cannot be made: ${problem}`, { hint: mount, cause })
    })
  }
  if (mark === undefined) return
  await mkdir(dirname(mark), { recursive: true })
    .then(() => writeFile(mark, `${dir}\n`))
    .catch(() => undefined)
}

function markOf(dir: string, { XDG_STATE_HOME: state, HOME: home }: Environment): string | undefined {
  const folder = state || (home && join(home, '.local', 'state'))
  return folder && join(folder, 'platte', 'stores', textDigest(dir).slice(0, 32))
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
