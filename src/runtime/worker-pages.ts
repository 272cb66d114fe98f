/** Platte on Cloudflare Workers, for update checks, with pages and feeds for people. */
import { answerPages } from '../site/pages/answer.ts'
import { workerHandler } from './worker-handler.ts'

export default workerHandler({ pages: answerPages })
