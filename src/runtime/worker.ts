/** Platte on Cloudflare Workers, for update checks alone: `worker-full.ts` is the same with everything else. */
import { workerHandler } from './worker-handler.ts'

export default workerHandler({})
