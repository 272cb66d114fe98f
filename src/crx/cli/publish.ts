/** What `publish` learns from a package of Chromium. */
import type { Source } from '../../channels/publish.ts'
import { notice } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { isSameVersion } from '../../release/version.ts'
import { isUrl } from '../../upstreams/release-files.ts'
import { isCrx } from '../header.ts'

/** Bytes. It is read into memory. */
const maxCrx = 512 * 1024 * 1024

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
export async function completeByCrx<G extends Given>(given: G, source: Source, place: string): Promise<Completed<G>> {
  // A file at a URL would be asked for once more.
  const mayBe = !isUrl(place) || /\.crx3?$/.test(source.name) || !given.version || !given.board
  const file = given.raw || !mayBe ? undefined : await readIfCrx(source)
  if (file === undefined) {
    const missing = (['version', 'board'] as const).find((name) => given[name] === undefined)
    if (missing) throw new PlatteError('usage', `required option '--${missing} <${missing}>' not specified`, { hint })
    return given as Completed<G>
  }
  const { readCrx } = await import('../read.ts')
  const { id, version, minimumBrowser } = readCrx(file, source.name)
  if (given.app !== undefined && given.app !== id) throw other(source, 'app', id, given.app)
  if (given.version !== undefined && !isSameVersion(given.version, version))
    throw other(source, 'version', version, given.version)
  const from = minimumBrowser ? `; for browsers from ${minimumBrowser} on` : ''
  notice(`${source.name} is version ${version} of ${id}${from}`)
  return { ...given, app: id, version, board: given.board ?? 'any' }
}

const hint = 'see platte publish --help'

const other = ({ name }: Source, what: string, found: string, given: string): PlatteError =>
  new PlatteError('refused', `${name} is ${what} ${found}, not ${given}`, {
    hint: `leave --${what} out, or publish another file`,
  })

/** @returns the whole file if it is a package of Chromium. */
async function readIfCrx({ name, size, open }: Source): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let isKnown = false
  for await (const chunk of open()) {
    chunks.push(chunk.slice())
    if (isKnown) continue
    const start = Buffer.concat(chunks)
    if (start.length < 4 && start.length < size) continue
    if (!isCrx(start)) return undefined
    if (size > maxCrx) throw new PlatteError('too-large', `${name} has ${size} bytes; a CRX3 may have ${maxCrx}`)
    isKnown = true
  }
  return isKnown ? Buffer.concat(chunks) : undefined
}
