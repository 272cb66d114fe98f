/** Platte on Cloudflare Workers with everything that it can do. `PLATTE_PAGES = "off"` in wrangler.toml turns pages off. */
import { r2Uploads } from '../adapters/r2-uploads.ts'
import { answerPages } from '../http/pages/answer.ts'
import { everything } from './everything.ts'
import { workerHandler } from './worker-handler.ts'

export default workerHandler({ ...everything, pages: answerPages, uploads: r2Uploads })
