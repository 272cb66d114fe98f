/** Platte on Cloudflare Workers, for update checks alone. */
import { workerHandler } from './worker-handler.ts'

export default workerHandler([])
