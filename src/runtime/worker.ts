/** Platte on Cloudflare Workers, for machines alone: half the size of `worker-pages.ts`, which is the same with pages. */
import { workerHandler } from './worker-handler.ts'

export default workerHandler()
