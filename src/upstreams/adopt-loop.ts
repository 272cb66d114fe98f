/** Adopts from all upstreams of a file, again and again, beside answering: one at a time, each failure for itself. */
import type { EditResult } from '../channels/plan.ts'
import type { Publisher } from '../channels/publish.ts'
import type { Extension, FeatureContext } from '../checks/serving.ts'
import { detailsIn, maxReleasesBytes } from '../documents/releases-json.ts'
import { maxTimerMs } from '../kernel/clock.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { describeError } from '../kernel/log.ts'
import { readAt } from '../store/http/upstream.ts'
import { adoptOffer, planOffer } from './adopt.ts'
import { type AdoptEntry, maxAdoptFileBytes, type OtherEntry, parseAdoptFile } from './adopt-file.ts'
import { chosenOf, isStream, openUpstream, urlOf } from './kinds.ts'
import type { LoadPlatte } from './platte.ts'

type Context = Pick<FeatureContext, 'openWriter' | 'packages' | 'newHasher' | 'readText' | 'transport'>
type Loading = Context & { readonly platte?: LoadPlatte | undefined }

/** @throws PlatteError('configuration') for a file that cannot be used, or without the release key. */
export async function openAdopting(
  { file, app, platte }: { readonly file: string; readonly app: string | undefined; readonly platte?: LoadPlatte },
  context: Context,
): Promise<Extension> {
  const text = await context.readText(file, maxAdoptFileBytes).catch((cause: unknown) => {
    throw new PlatteError('configuration', `${file} cannot be read: ${messageOf(cause)}`, {
      hint: 'correct PLATTE_ADOPT',
      cause,
    })
  })
  const { everyMs, entries } = parseAdoptFile(text, { file, app })
  const { packages, newHasher } = context
  const publisher = { ...(await context.openWriter()), packages, newHasher }
  if (publisher.release.length === 0)
    throw new PlatteError('configuration', 'PLATTE_ADOPT: a server that adopts needs the release key', {
      hint: 'set PLATTE_KEYS or PLATTE_RELEASE_KEY, or adopt from a pipeline: platte adopt',
    })
  let isStopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const round = async (): Promise<void> => {
    for (const entry of entries) if (!isStopped) await adoptOnce(publisher, { ...context, platte }, entry)
    if (!isStopped) timer = setTimeout(() => void round(), Math.min(everyMs, maxTimerMs))
  }
  void round()
  const close = async (): Promise<void> => {
    isStopped = true
    clearTimeout(timer)
  }
  return { name: 'upstreams', close }
}

/** Never throws. */
async function adoptOnce(publisher: Publisher, context: Loading, entry: AdoptEntry): Promise<void> {
  const { app, channel } =
    'pin' in entry ? { ...entry.from, channel: entry.to } : { ...entry.adoption, channel: entry.adoption.to }
  // The origin: a path may be a secret.
  const upstream = URL.parse('pin' in entry ? entry.upstream : urlOf(entry.upstream))?.origin
  const said = { event: 'adopt', app, channel, ...defined({ upstream }) }
  try {
    const { kind, seq, warnings = [] } = await adoptEntry(publisher, context, entry)
    for (const problem of warnings) publisher.log({ level: 'warn', ...said, problem })
    publisher.log({ level: 'info', ...said, kind, seq })
  } catch (error) {
    publisher.log({ level: 'error', ...said, ...describeError(error) })
  }
}

async function adoptEntry(publisher: Publisher, context: Loading, entry: AdoptEntry): Promise<EditResult> {
  if ('pin' in entry) {
    if (context.platte) return (await context.platte()).adoptFromUrl(publisher, entry, context.transport)
    throw new PlatteError('configuration', `${entry.upstream}: this build adopts from no Platte`)
  }
  const isList = isStream(entry.upstream)
  const now = publisher.clock()
  const upstream = openUpstream(entry.upstream, {
    ...context,
    now,
    releasesJson: isList ? entry.releasesJson : undefined,
  })
  const there = await chosenOf(upstream, { ...entry.chosen, hint: 'name both in the file' })
  const adoption = { ...entry.adoption, ...there, ...(isList ? {} : await readDetails(context, entry)) }
  return adoptOffer(publisher, upstream, await planOffer(publisher, upstream, adoption))
}

async function readDetails({ readText, transport }: Context, { releasesJson: place }: OtherEntry) {
  if (place === undefined) return {}
  const list = /^https?:/.test(place)
    ? await readAt({ url: place, key: 'releasesJson', transport, idleMs: 20_000 }, maxReleasesBytes)
    : new TextEncoder().encode(await readText(place, maxReleasesBytes))
  if (list === undefined) throw new PlatteError('missing', 'releasesJson: there is no such file')
  return {
    details: (release: Readonly<{ version: string; board: string }>) => detailsIn(list, release, 'releasesJson'),
  }
}
