/** Whether the first package of a release is a payload of update_engine, where it must be one. */
import type { ChannelManifest } from '../documents/channel.ts'
import { packageFolder } from '../documents/paths.ts'
import { refusal } from '../release/add-release.ts'
import type { Package, Release } from '../release/channel.ts'
import { newestFirst } from '../release/version.ts'
import type { Packages } from '../store/packages.ts'
import type { EditState } from './plan.ts'

/** CoreOS Container Linux and Flatcar: one id. */
const updateEngineApps = ['e96281a6-d1af-4bde-9a0a-97b76e56dc57']
const magic = 'CrAU'
/** Releases of an app whose first bytes are read to learn what it publishes. */
const readAtMost = 10

/** The first bytes of a package in a store; `undefined`: it is not there. */
export async function startOf(packages: Packages, key: string, { size }: Pick<Package, 'size'>) {
  const open = await packages.open(key, { start: 0, end: Math.min(size, magic.length) - 1 })
  return open && new Uint8Array(await new Response(open.body).arrayBuffer())
}

/** Passes bytes on once their start was checked. @param check throws. */
export function checkStart(check: (start: Uint8Array) => Promise<void>): TransformStream<Uint8Array, Uint8Array> {
  const start: number[] = []
  let isChecked = false
  const checkOnce = async (): Promise<void> => {
    if (isChecked) return
    isChecked = true
    await check(new Uint8Array(start))
  }
  return new TransformStream({
    async transform(chunk, controller) {
      start.push(...chunk.subarray(0, magic.length - start.length))
      if (start.length === magic.length) await checkOnce()
      controller.enqueue(chunk)
    },
    flush: checkOnce,
  })
}

/** A file of an app that is to be published. */
type Named = Readonly<{ name: string; app: string }>

/** @throws PlatteError('refused') for a file that begins otherwise, where the app's releases have payloads. */
export async function requirePayload(start: Uint8Array, { name, app }: Named, state: EditState, packages: Packages) {
  if (isPayload(start) || !(await mustBePayload(app, state, packages))) return
  throw refusal(
    `${name} does not begin with ${magic}: it is no payload that update_engine installs`,
    'name the payload first, such as flatcar_production_update.gz; --raw publishes any other file',
  )
}

/** Whether the first package of each release of an app must be a payload. */
export const mustBePayload = async (app: string, state: EditState, packages: Packages): Promise<boolean> =>
  updateEngineApps.includes(app) || (await havePayloads(state, packages))

const isPayload = (start: Uint8Array): boolean => new TextDecoder().decode(start) === magic

async function havePayloads({ head, others }: EditState, packages: Packages): Promise<boolean> {
  const manifests = [...(head ? [head.manifest] : []), ...others.values()]
  const releases = manifests.flatMap(({ app, releases }) => releases.map((one) => ({ ...one, app }))).sort(newestFirst)
  const firsts = new Map(releases.flatMap(firstPackages))
  for (const [key, one] of [...firsts].slice(0, readAtMost)) {
    const start = await startOf(packages, key, one)
    if (start && isPayload(start)) return true
  }
  return false
}

const firstPackages = ({ app, version, boards }: Release & Pick<ChannelManifest, 'app'>) =>
  Object.entries(boards).flatMap(([board, { codebases, packages }]) => {
    const [first] = packages
    const key = packageFolder({ app, version, board }, packages) + first.name
    return codebases.length > 0 ? [] : [[key, first] as const]
  })
