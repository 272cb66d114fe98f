/** Requests of machines for a group that an object keeps, passed on to it as they are. */
import type { DurableObjectNamespace } from '@cloudflare/workers-types'
import { isGroupName } from '../documents/paths.ts'
import { readText } from '../http/body.ts'
import { fleetLockPaths, maxFleetLockBytes, parseFleetLock } from '../locks/http/fleet.ts'
import { resolveGroup } from '../locks/resolve.ts'
import type { Documents } from '../store/documents.ts'
import { callObject, stubOf } from './calls.ts'

export type Objects = DurableObjectNamespace

/** @returns `undefined` for what the Worker answers itself: it finds out again what is wrong, and words it. */
export async function answerInObject(
  request: Request,
  bucket: Documents,
  objects: Objects,
): Promise<Response | undefined> {
  try {
    const named = await groupOf(request)
    if (named === undefined || !isGroupName(named)) return undefined
    const { group } = await resolveGroup({ documents: bucket }, named)
    const stub = await stubOf(bucket, group)
    return stub && (await callObject(objects, 'answer', stub, { request: request.clone() }))
  } catch {
    return undefined
  }
}

const etcdForm = /\/v2\/+keys\/coreos\.com\/updateengine\/rebootlock(?:\/groups\/([^/]*))?\/semaphore$/

async function groupOf(request: Request): Promise<string | undefined> {
  const { pathname } = new URL(request.url)
  const [found, group = 'default'] = etcdForm.exec(pathname) ?? []
  if (found !== undefined) return group
  if (request.method !== 'POST' || !fleetLockPaths.some((path) => pathname.endsWith(path))) return undefined
  return parseFleetLock((await readText(request.clone(), maxFleetLockBytes)).text).group
}
