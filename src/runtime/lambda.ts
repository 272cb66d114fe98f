/**
 * Platte on AWS Lambda: answers from a bucket (`PLATTE_STORE=s3://…`), and with the timestamp key keeps its catalog fresh
 * when a schedule calls it. `infra/aws/template.yaml` makes everything that it needs.
 * Between requests it does not run: nothing is done in the background, and the log is written before an answer is.
 */
import { nodeHasher } from '../adapters/hashers.ts'
import { openS3 } from '../adapters/s3-client.ts'
import { s3Documents } from '../adapters/s3-documents.ts'
import { s3Packages } from '../adapters/s3-packages.ts'
import { jsonLog, systemRandom } from '../adapters/system.ts'
import { PlatteError } from '../errors.ts'
import type { Environment } from './config.ts'
import { type HttpEvent, type HttpResult, isHttpEvent, mostBytes, requestOf, resultOf } from './lambda-event.ts'
import { brokenDeployment, type Deployment, openDeployment, settingsOrProblems } from './serverless.ts'

/** So many channels are looked at in a few seconds; with more of them, a commit is found some minutes later. */
const slice = { most: 100, opens: 50 }
const notS3 = 'PLATTE_STORE: on Lambda the store is a bucket, s3://BUCKET'

const log = jsonLog((lines) => process.stdout.write(lines))
/** One for each environment; opened while Lambda starts it. */
const opened = open(process.env)

/**
 * What Lambda calls: with a request that came over HTTP, or by a schedule, which is a rule of EventBridge or whoever sends
 * `{"source":"platte.refresh"}`.
 * @throws PlatteError('bad-request') for any other event.
 */
export async function handler(event: unknown): Promise<HttpResult | undefined> {
  try {
    const deployment = await opened
    if (isHttpEvent(event)) return await answer(deployment, event)
    if (!isSchedule(event))
      throw new PlatteError('bad-request', 'this event is no request over HTTP and no schedule', {
        hint: 'call it with {"source":"platte.refresh"} to refresh the catalog',
      })
    if ((await deployment.refresh()) === 'idle') log({ level: 'warn', event: 'refresh', problem: noKey })
    return undefined
  } finally {
    log.flush()
  }
}

const noKey = 'PLATTE_TIMESTAMP_KEY is not set: this function does not refresh the catalog, and needs no schedule'

/** Of a rule of EventBridge, of its Scheduler, and of whoever calls by hand. Nobody sends such an event over HTTP. */
const schedules: readonly unknown[] = ['aws.events', 'aws.scheduler', 'platte.refresh']

const isSchedule = (event: unknown): boolean =>
  typeof event === 'object' && event !== null && 'source' in event && schedules.includes(event.source)

async function open(env: Environment): Promise<Deployment> {
  const isElsewhere = env.PLATTE_STORE && !env.PLATTE_STORE.startsWith('s3:')
  const settings = settingsOrProblems(env, ['store', 'pin', 'publicUrl'], isElsewhere ? [notS3] : [])
  if (typeof settings === 'string' || settings.store.kind !== 's3') return brokenDeployment(String(settings), log)
  try {
    const s3 = await openS3(settings.store, { random: systemRandom })
    const [documents, packages] = [s3Documents(s3), s3Packages(s3, nodeHasher)]
    return openDeployment(settings, env, { documents, packages, log, background: () => undefined, slice })
  } catch (error) {
    return brokenDeployment(problemOf(error), log)
  }
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof PlatteError && error.hint ? `${error.message}: ${error.hint}` : error.message
}

async function answer({ app }: Deployment, event: HttpEvent): Promise<HttpResult> {
  const request = requestOf(event)
  if (request === undefined) return refuse(event, 400, 'this is no request that can be answered here')
  try {
    const response = await app.fetch(request)
    const bytes = response.body === null ? 0 : Number(response.headers.get('content-length') ?? 0)
    if (bytes <= mostBytes(event)) return await resultOf(event, response)
    await response.body?.cancel()
    return refuse(event, 503, `${bytes} bytes cannot be sent from here at once: ${tooLarge}`)
  } catch (error) {
    return refuse(event, 503, 'something went wrong here; the log says what', error)
  }
}

const tooLarge = 'set PLATTE_PACKAGES_URL to where the bucket can be read, or ask for ranges'

function refuse(event: HttpEvent, status: 400 | 503, words: string, error: unknown = words): Promise<HttpResult> {
  log({ level: status === 400 ? 'info' : 'error', event: 'refused', status, problem: problemOf(error).slice(0, 300) })
  const headers = { 'content-type': 'text/plain; charset=UTF-8', 'cache-control': 'no-store' }
  return resultOf(event, new Response(`error: ${words}\n`, { status, headers }))
}
