/** Platte on Cloudflare Workers, with pages and feeds for people. `PLATTE_PAGES = "off"` in wrangler.toml turns these off. */
import { answerPages } from '../http/pages/answer.ts'
import { workerHandler } from './worker-handler.ts'

export default workerHandler(answerPages)
