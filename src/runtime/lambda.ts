/**
 * Platte on AWS Lambda: answers from a bucket (`PLATTE_STORE=s3://…`), and with the timestamp key keeps its catalog fresh
 * when a schedule calls it. `infra/aws/template.yaml` makes everything that it needs.
 * Lambda freezes the process between requests, so there is no background work, and the log is flushed before each answer.
 */
import type { Hono } from 'hono'
import { type APIGatewayProxyResult, handle, type LambdaEvent } from 'hono/aws-lambda'
import { applyFeature } from '../apply/feature.ts'
import { cupFeature } from '../cup/feature.ts'
import { dialectFeature } from '../dialects/feature.ts'
import { newHono } from '../http/hono.ts'
import { internalDetail, refuse } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { PlatteError, problemOf } from '../kernel/errors.ts'
import { jsonLog } from '../kernel/json-log.ts'
import { describeError } from '../kernel/log.ts'
import { systemRandom } from '../kernel/random.ts'
import type { Environment } from '../kernel/setting.ts'
import { nodeTransport } from '../store/http/transport-node.ts'
import { openS3 } from '../store/s3/client.ts'
import { s3Documents } from '../store/s3/documents.ts'
import { s3Packages } from '../store/s3/packages.ts'
import { s3Uploads } from '../store/s3/uploads.ts'
import type { Signer } from '../trust/keys.ts'
import type { Fetch } from './checks-first.ts'
import type { Features } from './compose.ts'
import { nodeCup } from './cup-node.ts'
import { functionFeatures } from './function-features.ts'
import { nodeHasher } from './hasher-node.ts'
import { openServiceKey } from './key-services.ts'
import { brokenDeployment, type Deployment, openDeployment, settingsOrProblems } from './serverless.ts'

const features: Features = [
  ...functionFeatures,
  cupFeature(nodeCup),
  // Each on its own line: it goes when its room is deleted.
  applyFeature,
  dialectFeature,
]

/** Bounds one scheduled run to a few seconds. With more channels, the next runs continue. */
const slice = { most: 100, opens: 50 }

const log = jsonLog((lines) => process.stdout.write(lines))
/** It must not remember a store that is not complete yet. */
const isMirror = Boolean(process.env.PLATTE_UPSTREAM)
/** One for each execution environment, opened at its start. */
const opened = open(process.env)
  .catch((error: unknown) => brokenDeployment(problemOf(error), log))
  .then(({ fetch, refresh }) => ({ refresh, app: bounded(fetch) }))

/**
 * Lambda's entry: an HTTP request, a schedule of EventBridge, or `{"source":"platte.refresh"}` sent by hand.
 * @throws PlatteError('bad-request') for any other event.
 */
export async function handler(event: unknown): Promise<APIGatewayProxyResult | undefined> {
  try {
    const { app, refresh } = await opened
    if (isHttpEvent(event)) return await handle(app)(withoutStage(event))
    if (!isSchedule(event))
      throw new PlatteError('bad-request', 'this event is neither an HTTP request nor a schedule', {
        hint: 'call it with {"source":"platte.refresh"} to refresh the catalog',
      })
    if ((await refresh()) === 'idle') log({ level: 'warn', event: 'refresh', problem: noKey })
    else if (!isMirror) await logHealth(app)
    return undefined
  } finally {
    log.flush()
  }
}

/** Nobody may look at /healthz; alarms look at the log. */
async function logHealth(app: Pick<Hono, 'request'>): Promise<void> {
  const { problems } = (await (await app.request('/healthz')).json()) as { readonly problems?: readonly string[] }
  for (const problem of problems ?? []) log({ level: 'warn', event: 'health', problem })
}

const isObject = (event: unknown): event is object => typeof event === 'object' && event !== null
const isHttpEvent = (event: unknown): event is LambdaEvent => isObject(event) && 'requestContext' in event

const noKey = 'PLATTE_TIMESTAMP_KEY is not set: this function does not refresh the catalog, and needs no schedule'

/** Events of EventBridge rules, of its Scheduler, and of calls by hand. HTTP requests never look like these. */
const schedules: readonly unknown[] = ['aws.events', 'aws.scheduler', 'platte.refresh']
const isSchedule = (event: unknown): boolean => isObject(event) && 'source' in event && schedules.includes(event.source)

async function open(env: Environment): Promise<Deployment> {
  const isElsewhere = (env.PLATTE_STORE || env.PLATTE_UPSTREAM) && !env.PLATTE_STORE?.startsWith('s3:')
  const others = isElsewhere ? ['PLATTE_STORE: on Lambda the store is a bucket, s3://BUCKET'] : []
  const settings = settingsOrProblems(env, ['store', 'pin', 'publicUrl'], { others, features })
  if (typeof settings === 'string' || settings.store.kind !== 's3') return brokenDeployment(String(settings), log)
  const s3 = await openS3(settings.store, { random: systemRandom })
  const [documents, packages] = [s3Documents(s3), s3Packages(s3, nodeHasher)]
  const openUploads = async () => s3Uploads(s3, { packages })
  const transport = nodeTransport()
  const parts = {
    documents,
    packages,
    newHasher: nodeHasher,
    transport,
    log,
    slice,
    features,
    openUploads,
    bindings: {},
  }
  return openDeployment(settings, env, { ...parts, openKey: openKeyBy(env), background: () => undefined })
}

/** An execution environment asks for each public key once. */
function openKeyBy(env: Environment): (url: string) => Promise<Signer> {
  const opened = new Map<string, Signer>()
  return async (url) => {
    const signer = opened.get(url) ?? (await openServiceKey(url, env)).signer
    opened.set(url, signer)
    return signer
  }
}

/**
 * Bounds packages to what Lambda can return: 6 MB (1 MB behind a load balancer), and base64 adds a third. Other answers
 * are text with bounds of their own. A body that breaks off becomes an error, never a shorter package.
 */
function bounded(answer: Fetch): Hono {
  const outer = newHono()
  outer.all('*', async (c) => {
    const response = await answer(c.req.raw)
    const isPackage = response.body !== null && response.headers.get('content-type') === 'application/octet-stream'
    const bytes = isPackage ? Number(response.headers.get('content-length')) : 0
    if (bytes <= mostBytes) return new Response(response.body && (await response.arrayBuffer()), response)
    await response.body?.cancel()
    throw new PlatteError('too-large', `${bytes} bytes are more than Lambda can return: ${tooLarge}`)
  })
  outer.onError((error, c) => {
    const isTooLarge = error instanceof PlatteError && error.code === 'too-large'
    requestLog(log, c.req.raw)({ level: 'error', event: 'refused', status: 503, ...describeError(error) })
    return refuse(c, 'answer-unavailable', isTooLarge ? error.message : internalDetail)
  })
  return outer
}

const mostBytes = 640 * 1024
const tooLarge = 'set PLATTE_PACKAGES_URL to where the bucket can be read, or ask for ranges'

/** On API Gateway's own host names, and only there, paths of an HTTP API begin with the stage. */
function withoutStage(event: LambdaEvent): LambdaEvent {
  if (!('rawPath' in event)) return event
  const { stage, domainName } = event.requestContext
  const prefix = `/${stage}/`
  const isPrefixed = domainName.includes('.execute-api.') && event.rawPath.startsWith(prefix)
  return isPrefixed ? { ...event, rawPath: event.rawPath.slice(prefix.length - 1) } : event
}
