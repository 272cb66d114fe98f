/** What a deployment can do beside answering checks: one line for each feature, on every runtime. */

import { cincinnatiFeature } from '../cincinnati/feature.ts'
import { coreUpdateFeature } from '../coreupdate/feature.ts'
import { lockGatesFeature } from '../lock-gates/feature.ts'
import { lockQueueFeature } from '../lock-queue/feature.ts'
import { lockFeature } from '../locks/feature.ts'
import { locksSiteFeature } from '../locks-site/feature.ts'
import { mirrorFeature } from '../mirroring/feature.ts'
import { publishFeature } from '../publish-api/feature.ts'
import { siteFeature } from '../site/feature.ts'
import { sysupdateFeature } from '../sysupdate/feature.ts'
import type { Features } from './compose.ts'

export const features: Features = [
  // The first that answers a path wins.
  siteFeature,
  sysupdateFeature,
  cincinnatiFeature,
  coreUpdateFeature,
  lockFeature,
  lockQueueFeature,
  lockGatesFeature,
  locksSiteFeature,
  mirrorFeature,
  publishFeature,
]
