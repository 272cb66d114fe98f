/** Adopts from the Platte at a URL, as a server does again and again. */
import type { EditResult } from '../channels/plan.ts'
import type { Publisher } from '../channels/publish.ts'
import { rampOver } from '../release/edits.ts'
import type { Transport } from '../store/http/transport.ts'
import { upstreamDocuments, upstreamPackages } from '../store/http/upstream.ts'
import type { Pin } from '../trust/verify-root.ts'
import { type Adoption, adopt, planAdoption } from './adopt.ts'

interface UrlAdoption extends Adoption {
  /** Ends in "/". */
  readonly upstream: string
  /** Of its root. */
  readonly pin: Pin
  readonly rampOverMs?: number | undefined
}

/** @throws PlatteError as `planAdoption` and `adopt`; nothing is published then. */
export async function adoptFromUrl(
  publisher: Publisher,
  { upstream: url, pin, rampOverMs, ...adoption }: UrlAdoption,
  transport: Transport,
): Promise<EditResult> {
  const { clock, log } = publisher
  const there = { documents: upstreamDocuments(url, { transport }), packages: upstreamPackages(url, { transport }) }
  const upstream = { ...there, pin, clock, log }
  const ramp = rampOverMs === undefined ? {} : { ramp: rampOver({ start: clock(), overMs: rampOverMs, from: 0 }) }
  return adopt(publisher, upstream, await planAdoption(publisher, upstream, { ...adoption, ...ramp }))
}
