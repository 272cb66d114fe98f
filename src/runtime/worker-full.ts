/** Platte on Cloudflare Workers with every feature. `PLATTE_PAGES = "off"` in wrangler.toml turns pages off. */
import { cupFeature } from '../cup/feature.ts'
import { r2Uploads } from '../store/r2/uploads.ts'
import { features } from './features.ts'
import { workerHandler } from './worker-handler.ts'

export default workerHandler([...features, cupFeature()], r2Uploads)
