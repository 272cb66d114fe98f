/** `POST /v1/apply`: a file of channels, `{"config":…,"prune":true,"dryRun":true}`, with the identity token of a pipeline. */
import type { Context } from 'hono'
import { reload } from '../catalog/cache.ts'
import { encode } from '../catalog/read.ts'
import type { Extension, FeatureContext } from '../checks/serving.ts'
import { readJson } from '../http/body.ts'
import { bearerToken } from '../http/credentials.ts'
import { refuseMethod } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { PlatteError } from '../kernel/errors.ts'
import {
  type Authorised,
  type Authorising,
  authorise,
  type VerifiedToken,
  verifyToken,
} from '../publish-api/authorise.ts'
import type { Policy } from '../publish-api/policy-document.ts'
import { type Answer, onceFor } from '../publish-api/publish-function.ts'
import { sha256Hex } from '../trust/digest.ts'
import { asAgreed, nameOf, requireAgreed } from './agreed.ts'
import { checkConfig, maxConfigBytes } from './check.ts'
import { commitApply, previewApply } from './commit.ts'
import type { Config } from './config.ts'
import { type ApplyPlan, type PlannedApp, planApply, type Wish } from './plan.ts'

const path = '/v1/apply'

export function openApply(policy: Policy, context: FeatureContext): Extension {
  const { reader, transport } = context
  const authorising: Authorising = { policy, remembered: new Map(), clock: reader.clock, transport }
  return {
    name: 'apply',
    mount: (app) => {
      app.post(path, async (c) => {
        const bearer = bearerToken(c.req.raw.headers)
        if (!bearer) throw new PlatteError('unauthorized', 'send an identity token: Authorization: Bearer TOKEN')
        return answer(c, context, { policy, token: await verifyToken(authorising, bearer) })
      })
      app.all(path, (c) => refuseMethod(c, 'POST'))
    },
  }
}

type Caller = Readonly<{ policy: Policy; token: VerifiedToken }>

async function answer(c: Context, context: FeatureContext, caller: Caller): Promise<Response> {
  const { bytes, value } = await readJson(c.req.raw, maxConfigBytes)
  const { config, prune, dryRun, plan } = readOrder(value)
  // The operator of the settings is not who calls.
  const writer = { ...(await context.openWriter()), packages: context.packages, operator: undefined }
  const log = requestLog(writer.log, c.req.raw)
  const allowed = allowFile(config, caller)
  const wish: Wish = {
    ...{ config, prune, check: (apps) => allowPlan(apps, prune, caller) },
    ...(plan && { asOf: plan.asOf }),
  }
  const prepare = async (at: number): Promise<ApplyPlan> => {
    const planned = await planApply(writer, wish, { at, ...originOf(allowed) })
    if (plan) requireAgreed(planned, plan.name)
    return plan ? asAgreed(planned) : planned
  }
  const work = async (at: number): Promise<Answer> => {
    const planned = await prepare(at)
    const applied = dryRun ? { ...previewApply(planned), plan: nameOf(planned) } : await commitApply(writer, planned)
    const { kind, channels } = applied
    const rule = rulesOf(allowed)
    log({ level: 'info', event: 'command', action: 'apply', rule, kind, channels: channels.length })
    return { ...applied, rule }
  }
  if (dryRun) return c.json(await work(writer.clock()), 200, noStore)
  const request = await sha256Hex(new Uint8Array([...encode('apply'), ...bytes]))
  // A plan that has changed does not use up the token.
  const check = plan && (() => prepare(writer.clock()))
  const applied = await onceFor(writer, caller.token, { request, work, check })
  await reload(context.cache, writer)
  return c.json(applied, 200, noStore)
}

const noStore = { 'cache-control': 'no-store' }

/** @throws PlatteError('usage') naming the member at fault. */
function readOrder({ config, prune = false, dryRun = false, plan, ...others }: Readonly<Record<string, unknown>>) {
  const [stray] = Object.keys(others)
  const wrong = (what: string): PlatteError => new PlatteError('usage', `apply: ${what}`)
  if (stray !== undefined) throw wrong(`${stray}: unknown; allowed: config, prune, dryRun, plan`)
  if (typeof prune !== 'boolean' || typeof dryRun !== 'boolean') throw wrong('prune and dryRun must be true or false')
  const name = plan === undefined ? undefined : String(plan)
  const asOf = Date.parse(name?.split(' ')[0] ?? '')
  if (name !== undefined && Number.isNaN(asOf)) throw wrong('plan must be what a plan answered with')
  return { config: checkConfig(config), prune, dryRun, plan: name === undefined ? undefined : { name, asOf } }
}

/** @throws PlatteError('refused') for a channel that the file names, and the policy does not allow. */
const allowFile = ({ apps }: Config, { policy, token }: Caller): readonly Authorised[] =>
  Object.entries(apps).map(([app, { channels }]) =>
    authorise(policy, token, { action: 'apply', app, channels: Object.keys(channels) }),
  )

/** Names that come or go need a right of their own, and so does what concerns a whole app: its name, and pruning. */
function allowPlan(apps: readonly PlannedApp[], prune: boolean, { policy, token }: Caller): void {
  for (const { app, name, channels } of apps) {
    const names = channels.flatMap(({ ref, plan: { state, edited } }) => {
      const [before, after] = [state.head?.manifest.aliases ?? [], (edited ?? state.head?.manifest)?.aliases ?? []]
      const moved = [...before.filter((one) => !after.includes(one)), ...after.filter((one) => !before.includes(one))]
      return [ref.channel, ...moved]
    })
    const whole = name !== undefined || prune ? ['*'] : []
    authorise(policy, token, { action: 'apply', app, channels: [...names, ...whole] })
  }
}

const rulesOf = (allowed: readonly Authorised[]): string => [...new Set(allowed.map(({ rule }) => rule))].join(', ')

function originOf(allowed: readonly Authorised[]) {
  const { origin } = allowed.find(({ isRecorded }) => isRecorded) ?? {}
  return { by: { rule: rulesOf(allowed), ...origin }, ...(origin && { provenance: origin }) }
}
