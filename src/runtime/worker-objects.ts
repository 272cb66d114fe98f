/** Platte on Cloudflare Workers with every feature, and Durable Objects that keep groups of reboot locks. */
import { cupFeature } from '../cup/feature.ts'
import { lockGroup } from '../lock-objects/object.ts'
import { withObjects } from '../lock-objects/worker.ts'
import { r2Documents } from '../store/r2/r2.ts'
import { r2Uploads } from '../store/r2/uploads.ts'
import { functionFeatures } from './function-features.ts'
import { openWorker, workerHandler } from './worker-handler.ts'

export const LockGroup = lockGroup((env: object, over) => openWorker({ ...env }, functionFeatures, r2Uploads, over))
export default withObjects(r2Documents, (over) => workerHandler([...functionFeatures, cupFeature()], r2Uploads, over))
