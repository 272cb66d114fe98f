/** What Nebraska's REST API says of its apps: as it is there, read to the end. @see flatcar/nebraska, api/spec.yaml */
import * as v from 'valibot'
import { PlatteError } from '../kernel/errors.ts'
import { getJson, getPages, type Rest } from './rest.ts'

const text = v.string()
const maybeText = v.nullish(text)

const packageFields = {
  id: text,
  /** 1 Flatcar, 2 Docker, 3 rkt, 4 other. */
  type: v.number(),
  version: text,
  url: text,
  filename: maybeText,
  /** In bytes. */
  size: maybeText,
  /** SHA-1 in base64. */
  hash: maybeText,
  /** Ids of channels. */
  channels_blacklist: v.nullish(v.array(text)),
  /** `sha256` of the first package, in base64. */
  flatcar_action: v.nullish(v.object({ sha256: text })),
  /** 0 all, 1 amd64, 2 aarch64, 3 x86. */
  arch: v.number(),
  /** `hash` as above; `hash256` in hex. */
  extra_files: v.nullish(v.array(v.object({ name: text, size: text, hash: text, hash256: maybeText }))),
}

const nebraskaPackage = v.object(packageFields)
const floor = v.object({ ...packageFields, floor_reason: maybeText })
const channel = v.object({ id: text, name: text, arch: v.number(), package: v.nullish(nebraskaPackage) })
const groupSchema = v.object({
  id: text,
  name: text,
  description: maybeText,
  created_ts: text,
  channel_id: maybeText,
  /** Empty in old versions: machines then send the id. */
  track: maybeText,
  policy_updates_enabled: v.boolean(),
  policy_safe_mode: v.boolean(),
  policy_office_hours: v.boolean(),
  policy_timezone: maybeText,
  policy_period_interval: text,
  policy_max_updates_per_period: v.number(),
})
const some = v.nullish(v.array(v.unknown()))
const listed = v.object({ id: text, product_id: maybeText, name: text, groups: some, channels: some })
const count = v.object({ count: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) })

export type NebraskaPackage = v.InferOutput<typeof nebraskaPackage>
export type NebraskaFloor = v.InferOutput<typeof floor>
/** `floors`: `undefined` where this version of Nebraska has no such list. */
export type NebraskaChannel = v.InferOutput<typeof channel> & { readonly floors: readonly NebraskaFloor[] | undefined }
/** `machines`: seen in the last 30 days, where its limit of updates makes that matter. */
export type NebraskaGroup = v.InferOutput<typeof groupSchema> & { readonly machines?: number | undefined }
export type NebraskaApp = Pick<v.InferOutput<typeof listed>, 'id' | 'product_id' | 'name'> &
  Readonly<{ url: string; groups: readonly NebraskaGroup[]; channels: readonly NebraskaChannel[] }> &
  Readonly<{ packages: readonly NebraskaPackage[] }>

/** Without a limit, Nebraska does not count. */
export const unlimited = 900_000

/** @param isWanted by id or product id. @throws PlatteError as `getJson`. */
export async function readNebraska(rest: Rest, isWanted: (id: string) => boolean): Promise<readonly NebraskaApp[]> {
  const found = (await getPages(rest, '/api/apps', 'applications', listed)) ?? []
  const apps: NebraskaApp[] = []
  for (const app of found)
    if ([app.id, app.product_id ?? app.id].some((id) => isWanted(id.toLowerCase()))) apps.push(await readApp(rest, app))
  return apps
}

async function readApp(rest: Rest, app: v.InferOutput<typeof listed>): Promise<NebraskaApp> {
  const { id, product_id, name } = app
  const path = `/api/apps/${encodeURIComponent(id)}`
  const isEmpty = (app.groups ?? []).length === 0 && (app.channels ?? []).length === 0
  const read = async <T extends { readonly id: string }>(member: string, schema: v.GenericSchema<unknown, T>) =>
    isEmpty ? [] : ((await getPages(rest, `${path}/${member}`, member, schema)) ?? [])
  const groups: NebraskaGroup[] = []
  for (const one of await read('groups', groupSchema))
    groups.push({ ...one, machines: await machinesOf(rest, path, one) })
  const channels: NebraskaChannel[] = []
  for (const one of await read('channels', channel)) {
    const floors = await getPages(rest, `/api/channels/${encodeURIComponent(one.id)}/floors`, 'packages', floor)
    channels.push({ ...one, floors })
  }
  return {
    id,
    product_id,
    name,
    url: rest.url + path,
    groups,
    channels,
    packages: await read('packages', nebraskaPackage),
  }
}

/** Only a hint for the length of a ramp: where it cannot be read, it is unknown. */
async function machinesOf(rest: Rest, path: string, { id, ...group }: v.InferOutput<typeof groupSchema>) {
  if (group.policy_max_updates_per_period >= unlimited) return undefined
  const url = `${path}/groups/${encodeURIComponent(id)}/instancescount?duration=30d`
  const answer = await getJson(rest, url, count).catch((error: unknown) => {
    if (error instanceof PlatteError) return undefined
    throw error
  })
  return answer?.count
}
