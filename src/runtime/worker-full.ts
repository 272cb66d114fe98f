/** Platte on Cloudflare Workers with everything that it can do. `PLATTE_PAGES = "off"` in wrangler.toml turns pages off. */

import { answerPages } from '../site/pages/answer.ts'
import { r2Uploads } from '../store/r2/uploads.ts'
import { allFeatures } from './all-features.ts'
import { workerHandler } from './worker-handler.ts'

export default workerHandler({ ...allFeatures, pages: answerPages, uploads: r2Uploads })
