/** Everything that a deployment can do, but for pages: how these are loaded depends on the runtime. */
import { packagesBehind } from '../adapters/packages-behind.ts'
import { upstreamPackages } from '../adapters/upstream.ts'
import { openLocks } from '../http/locks/routes.ts'
import { sweepUploads } from '../service/sweep-uploads.ts'
import type { Extras } from './extras.ts'
import { mirrorStep } from './mirror-step.ts'
import { publishingOnDemand } from './publishing.ts'

export const everything: Extras = {
  openLocks,
  publishing: publishingOnDemand,
  sweep: sweepUploads,
  mirroring: {
    step: mirrorStep,
    behind: (packages, upstream) => packagesBehind(packages, upstreamPackages(upstream)),
  },
}
