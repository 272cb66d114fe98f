/** Everything that a deployment can do, but for pages: how these are loaded depends on the runtime. */

import { openLocks } from '../locks/http/routes.ts'
import { packagesBehind } from '../mirroring/packages-behind.ts'
import { mirrorStep } from '../mirroring/step.ts'
import { publishingOnDemand } from '../publish-api/routes.ts'
import { sweepUploads } from '../publish-api/sweep-uploads.ts'
import { upstreamPackages } from '../store/http/upstream.ts'
import type { Features } from './features.ts'

export const allFeatures: Features = {
  openLocks,
  publisher: publishingOnDemand,
  sweep: sweepUploads,
  mirroring: {
    step: mirrorStep,
    behind: (packages, upstream) => packagesBehind(packages, upstreamPackages(upstream)),
  },
}
