/** Platte on Cloudflare Workers with everything that it can do. */
import { everything } from './everything.ts'
import { workerHandler } from './worker-handler.ts'

export default workerHandler(everything)
