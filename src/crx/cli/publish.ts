/** What `publish` learns from a package of Chromium. */
import type { Source } from '../../channels/staging.ts'
import { notice } from '../../cli/terminal.ts'
import { joined } from '../../kernel/bytes.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { isSameVersion } from '../../release/version.ts'
import { nodeHasher } from '../../runtime/hasher-node.ts'
import { isUrl } from '../../url-files/release-files.ts'
import { isNamedByKey } from '../door.ts'
import { isCrx } from '../header.ts'
import type { Crx } from '../read.ts'

interface Given {
  readonly app?: string
  readonly version?: string
  readonly board?: string
  readonly raw?: true
}

type Completed<G> = G & { readonly version: string; readonly board: string }

/**
 * Takes app, version and board of a CRX3 from itself. Other files, and any with --raw, need version and board.
 * @throws PlatteError('refused') for one that browsers would refuse, or of another app or version; 'usage'
 */
export async function completeByCrx<G extends Given>(
  given: G,
  source: Source | undefined,
  place = '',
): Promise<Completed<G>> {
  // A file at a URL would be asked for once more.
  const mayBe = !isUrl(place) || /\.crx3?$/.test(source?.name ?? '') || !given.version || !given.board
  const crx = given.raw || !mayBe ? undefined : source && (await readIfCrx(source))
  if (source === undefined || crx === undefined) {
    const missing = (['version', 'board'] as const).find((name) => given[name] === undefined)
    if (missing) throw new PlatteError('usage', `required option '--${missing} <${missing}>' not specified`, { hint })
    return given as Completed<G>
  }
  const { id, version, minimumBrowser } = crx
  const from = minimumBrowser ? `; for browsers from ${minimumBrowser} on` : ''
  notice(`${source.name} is version ${version} of ${id}${from}`)
  const board = given.board ?? 'any'
  // What a browser's updater installs may be called otherwise than its package is.
  if (given.app !== undefined && !isNamedByKey(given.app)) return { ...given, version: given.version ?? version, board }
  if (given.app !== undefined && given.app !== id) throw other(source, 'app', id, given.app)
  if (given.version !== undefined && !isSameVersion(given.version, version))
    throw other(source, 'version', version, given.version)
  return { ...given, app: id, version, board }
}

const hint = 'see platte publish --help'

const other = ({ name }: Source, what: string, found: string, given: string): PlatteError =>
  new PlatteError('refused', `${name} is ${what} ${found}, not ${given}`, {
    hint: `leave --${what} out, or publish another file`,
  })

/** @returns what a package of Chromium says of itself. */
async function readIfCrx(source: Source): Promise<Crx | undefined> {
  if (!(await beginsAsCrx(source))) return undefined
  const { crxReader } = await import('../read.ts')
  const reader = crxReader({ name: source.name, newHasher: nodeHasher })
  for await (const chunk of source.open()) await reader.update(chunk)
  return reader.end()
}

async function beginsAsCrx({ open }: Source): Promise<boolean> {
  let start: Uint8Array = new Uint8Array()
  for await (const chunk of open()) {
    start = joined([start, chunk.slice(0, 4)])
    if (start.length >= 4) break
  }
  return isCrx(start)
}
