/** Platte on Cloudflare Workers: update checks, and pages and feeds for people. */
import { siteFeature } from '../site/feature.ts'
import { workerHandler } from './worker-handler.ts'

export default workerHandler([siteFeature])
