/** The suites of all ports against the S3 bucket that PLATTE_LIVE_S3 names, in a folder of its own. */
import { randomUUID } from 'node:crypto'
import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import { afterEach, describe, vi } from 'vitest'
import { systemRandom } from '../../src/kernel/random.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { parseStore } from '../../src/runtime/own-settings.ts'
import { openS3 } from '../../src/store/s3/client.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { s3Uploads } from '../../src/store/s3/uploads.ts'
import { suite } from '../conformance/register.ts'
import type { Events } from './fleet.ts'
import type { Change } from './settings.ts'
import { liveSuite } from './suite.ts'

const setting = process.env.PLATTE_LIVE_S3
/** Nothing that an earlier run left is in it. */
const folder = `${randomUUID()}/`

/** A client of its own; credentials come from the environment. */
async function openLive({ bucket, region, ...environment }: Change = {}) {
  const ref = parseStore(setting ?? '')
  if (ref.kind !== 's3') throw new Error('PLATTE_LIVE_S3 names no bucket')
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  const changed = { ...ref, ...(bucket && { bucket }), ...(region && { region }), prefix: ref.prefix + folder }
  const s3 = await openS3(changed, { random: systemRandom })
  const documents = s3Documents(s3)
  if (!documents.list || !documents.folders) throw new Error('S3 lists keys and folders')
  const packages = s3Packages(s3, nodeHasher)
  return { documents, packages, uploads: s3Uploads(s3, { packages, partBytes: 5 * 1024 * 1024 }) }
}

/** A folder of its own below that of this run. */
async function openEvents(): Promise<Events> {
  const ref = parseStore(setting ?? '')
  if (ref.kind !== 's3') throw new Error('PLATTE_LIVE_S3 names no bucket')
  const mine = `${folder}${randomUUID()}/`
  const s3 = await openS3({ ...ref, prefix: ref.prefix + mine }, { random: systemRandom })
  const url = new URL(setting ?? '')
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${mine}`
  return {
    documents: s3Documents(s3),
    remove: (key) => s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key: s3.prefix + key })),
    setting: url.href,
  }
}

describe.skipIf(setting === undefined)('live S3', () => {
  afterEach(() => vi.unstubAllEnvs())
  suite('s3Documents', liveSuite.documents, async () => (await openLive()).documents)
  suite('s3Packages', liveSuite.packages, async () => (await openLive()).packages)
  suite('s3Uploads', liveSuite.uploads, async () => (await openLive()).uploads)
  suite('races', liveSuite.races, () => async () => (await openLive()).documents)
  suite('locks', liveSuite.locks, () => async () => (await openLive()).documents)
  suite('settings', liveSuite.settings, () => openLive)
  suite('fleet', liveSuite.fleet, openEvents)
})
