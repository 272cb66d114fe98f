/** What the names on a command line mean: APP, CHANNEL, APP/CHANNEL, or APP CHANNEL. Pure. */
import type { Catalog } from '../documents/catalog.ts'
import { PlatteError } from '../kernel/errors.ts'

export type Named = Readonly<{ app?: string | undefined; channel?: string | undefined }>

type CatalogApp = Catalog['apps'][string]

/**
 * An app has its id or its name, a channel its name or an alias.
 * @param own the app of the settings: its channels come before those of other apps.
 * @throws PlatteError('usage') with what there is.
 */
export function findNamed({ apps }: Catalog, typed: readonly string[], own: string | undefined): Named {
  const words = typed.map((word) => word.normalize('NFC'))
  const [first = '', second] = words.length === 1 ? (words[0]?.split('/') ?? []) : words
  if (first === '') return {}
  const plain = first.replace(/^\{(.*)\}$/, '$1').toLowerCase()
  const all = Object.entries(apps)
  const [app, found] = all.find(([key]) => key === plain) ?? all.find(([, { name }]) => sameName(name, first)) ?? []
  const hint = `apps: ${listed(Object.keys(apps))}; channels: ${listed(all.flatMap(([, one]) => Object.keys(one.channels)))}`
  if (app !== undefined && found !== undefined) return second ? channelOf(app, found, second) : { app }
  if (second && all.some(([, one]) => channelIn(one, first) !== undefined))
    throw new PlatteError('usage', `${first} is a channel, and ${second} is none of its names`, {
      hint: `\`platte show ${first}\` lists its releases and boards`,
    })
  if (second) throw new PlatteError('usage', `no such app: ${first}`, { hint })
  const having = all.filter(([, one]) => channelIn(one, first) !== undefined)
  const [only] = having.filter(([key]) => key === own || having.length === 1)
  if (only) return { app: only[0], channel: channelIn(only[1], first) }
  if (having.length === 0) throw new PlatteError('usage', `no app and no channel is called ${first}`, { hint })
  throw new PlatteError('usage', `several apps have a channel ${first}`, {
    hint: `name one: ${having.map(([key]) => `${key}/${first}`).join(', ')}`,
  })
}

const sameName = (name: string | undefined, text: string): boolean => name?.toLowerCase() === text.toLowerCase()

function channelOf(app: string, found: CatalogApp, name: string): Named {
  const channel = channelIn(found, name)
  if (channel !== undefined) return { app, channel }
  throw new PlatteError('usage', `no such channel: ${app}/${name}`, {
    hint: `its channels: ${listed(Object.keys(found.channels))}`,
  })
}

const channelIn = ({ channels }: CatalogApp, name: string): string | undefined =>
  // A channel that was renamed is in the catalog, too.
  Object.entries(channels).find(([, { aliases }]) => aliases?.includes(name))?.[0] ??
  (Object.hasOwn(channels, name) ? name : undefined)

function listed(names: readonly string[]): string {
  const known = [...new Set(names)].sort()
  const more = known.length > 12 ? `, … (${known.length})` : ''
  return known.length === 0 ? 'none' : known.slice(0, 12).join(', ') + more
}
