/** Platte on Cloudflare Workers with every feature. `PLATTE_PAGES = "off"` in wrangler.toml turns pages off. */
import { cupFeature } from '../cup/feature.ts'
import { r2Uploads } from '../store/r2/uploads.ts'
import { functionFeatures } from './function-features.ts'
import { workerHandler } from './worker-handler.ts'

export default workerHandler([...functionFeatures, cupFeature()], r2Uploads)
