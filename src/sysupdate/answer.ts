/** `GET /sysupdate/<app>/<channel>/<board>/[machine=ID/][running=VERSION/][oem=OEM/]<file>` for systemd-sysupdate. */
import type { Context } from 'hono'
import { answering, type Serving } from '../checks/serving.ts'
import { appKey, type Checked, checkForUpdate } from '../checks/update-check.ts'
import { keyOfUrlPath, packagesUrlOf, urlPathOf } from '../documents/paths.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import { groupOf } from '../kernel/group.ts'
import { type Asked, emptyList, listName, nameWithVersion, readAsked, renderList, signatureName } from './listing.ts'

const prefix = '/sysupdate/'
const noStore = { 'cache-control': 'no-store' }

/** @returns `undefined` for any other path. */
export async function answerSysupdate(serving: Serving, c: Context): Promise<Response | undefined> {
  if (!c.req.path.startsWith(prefix)) return undefined
  const { method } = c.req
  const asked = readAsked(segmentsOf(c.req.path), (name) => c.req.query(name))
  if (asked === undefined) return undefined
  if (method !== 'GET' && method !== 'HEAD') return refuseMethod(c, 'GET, HEAD')
  const query = { ...asked, app: appKey(asked.app), channel: groupOf(asked.channel) }
  const decision = await checkForUpdate(answering(serving, c), query)
  return decision.kind === 'update' ? answerOffer(serving, c, asked, decision) : answerNothing(c, asked, decision)
}

type Offered = Extract<Checked, { readonly kind: 'update' }>

function answerOffer({ publicUrl }: Serving, c: Context, asked: Asked, { offer, packages: of }: Offered): Response {
  const { version } = offer.release
  const { packages } = of
  const folder = packagesUrlOf(publicUrl, { ...asked, app: appKey(asked.app), version }, of)
  const find = (name: string) => packages.find((one) => one.name === name)
  const redirect = ({ name }: { readonly name: string }): Response => {
    c.header('cache-control', 'no-store')
    return c.redirect(folder + urlPathOf(name))
  }
  // What was signed is sent as it was published: no other list has that signature.
  const signed = find(signatureName) && find(listName)
  const own = packages.find((one) => (signed ? one.name : nameWithVersion(one.name, version)) === asked.file)
  if (own) return redirect(own)
  if (asked.file === listName) return c.text(renderList(version, packages), 200, noStore)
  if (asked.file === signatureName)
    return refuse(c, 'not-found', `release ${version} has no signature of ${listName}`, {
      hint: `publish ${listName} and ${signatureName} beside its files, or set Verify=no`,
    })
  return refuse(c, 'not-found', `release ${version} is offered now, and has no such file`)
}

/** Nothing is offered: a list without files, so that a machine stays with what it has. */
function answerNothing(c: Context, { file }: Asked, { reason }: Exclude<Checked, Offered>): Response {
  if (reason === 'unknown-app' || reason === 'unknown-channel' || reason === 'no-release-for-board')
    return refuse(c, 'not-found', `there is no such channel, or it has no release for that board (${reason})`)
  if (file === listName) return c.text(emptyList(reason), 200, noStore)
  return refuse(c, 'not-found', `nothing is offered to this machine now (${reason})`)
}

const segmentsOf = (path: string): readonly string[] => keyOfUrlPath(path).slice(prefix.length).split('/').map(decoded)

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
