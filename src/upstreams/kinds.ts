/** The kinds of servers that `adopt` takes beside Platte, by the word before their URL. */
import { PlatteError } from '../kernel/errors.ts'
import { configuredAt } from '../store/http/fetch.ts'
import { askUpdateUrl, type UrlDialect } from '../update-urls/ask.ts'
import { plainUrl } from '../url-files/ask.ts'
import { openFcos } from './fcos.ts'
import { type OfferedRelease, type Opening, placed, type Upstream, type Wanted } from './offer.ts'
import { walkPath } from './omaha/path.ts'

type Ask = (upstream: Omit<Upstream, 'ask'>, wanted: Wanted) => Promise<readonly OfferedRelease[]>

/** One release: an update URL leads everybody to the newest. */
const updateUrl =
  (dialect: UrlDialect): Ask =>
  async (upstream, wanted) => {
    const offer = await askUpdateUrl(dialect, upstream, wanted)
    return offer ? [offer] : []
  }

/** The words are those of the protocols: a server has each at a path of its own, and a browser knows which one it asks. */
const kinds: Readonly<Record<string, Ask>> = {
  omaha: walkPath,
  gupdate: updateUrl('gupdate'),
  'omaha-json': updateUrl('json'),
}

type Chosen = Readonly<{ channel?: string | undefined; boards?: readonly string[] | undefined }>

/**
 * The channel and the boards that were chosen, or those of an upstream that has one channel, and tells its boards.
 * @throws PlatteError('usage') for another upstream; as its `boards`.
 */
export async function chosenOf(
  { channel: only, boards: known }: Upstream,
  { channel = only, boards: chosen, hint }: Chosen & Readonly<{ hint: string }>,
) {
  const boards = chosen ?? (await known?.())
  if (channel !== undefined && boards !== undefined) return { channel, boards }
  throw new PlatteError('usage', '--channel and --boards are missing', { hint })
}

/** Whether a text names a server of these kinds, such as `omaha:https://updates.example.org/v1/update/`. */
export const isOtherServer = (text: string): boolean => isStream(text) || Object.hasOwn(kinds, wordOf(text))
/** Whether it names a stream of Fedora CoreOS, as `fcos:https://builds.example.org/updates/stable.json`. */
export const isStream = (text: string): boolean => wordOf(text) === 'fcos'

const wordOf = (text: string): string => text.split(':')[0] ?? ''
/** The URL of such a text. */
export const urlOf = (text: string): string => text.slice(wordOf(text).length + 1)

/** @throws PlatteError('usage') for an unknown kind, or a URL that is not valid. */
export function openUpstream(text: string, opening: Opening): Upstream {
  if (isStream(text)) return openFcos(urlOf(text), opening)
  const { transport } = opening
  const ask = isOtherServer(text) ? kinds[wordOf(text)] : undefined
  if (ask === undefined)
    throw new PlatteError(
      'usage',
      `unknown kind of upstream: it must begin with ${[...Object.keys(kinds), 'fcos'].join(': or ')}:`,
      {
        hint: 'write it like omaha:https://updates.example.org/v1/update/',
      },
    )
  const url = plainUrl(urlOf(text))
  if (url === undefined)
    throw new PlatteError('usage', 'the upstream is not a URL of update checks', {
      hint: `write it like ${wordOf(text)}:https://updates.example.org/v1/update/, without credentials`,
    })
  const upstream = { name: url.origin, from: configuredAt(url.href), transport }
  return {
    ...upstream,
    ask: (wanted) =>
      ask(upstream, wanted).catch((error: unknown) => {
        throw placed(error, `${url.origin}, channel ${wanted.channel}, board ${wanted.board}`)
      }),
  }
}
