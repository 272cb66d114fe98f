/** What a deployment on Workers and Lambda can do: nothing runs there between requests. */
import { lockHooksFeature } from '../lock-gates/hooks-feature.ts'
import type { Features } from './compose.ts'
import { features } from './features.ts'

export const functionFeatures: Features = [
  ...features,
  lockHooksFeature(() => import('../lock-gates/hooks-on-request.ts')),
]
