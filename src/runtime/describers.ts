/** What describes the routes of each feature for `/openapi.json`, by its name. */
import type { Describers } from '../checks/described.ts'

export const describers: Describers = {
  readiness: () => import('./openapi.ts'),
  dialects: () => import('../dialects/openapi.ts'),
  coreupdate: () => import('../coreupdate/openapi.ts'),
  cincinnati: () => import('../cincinnati/openapi.ts'),
  sysupdate: () => import('../sysupdate/openapi.ts'),
  site: () => import('../site/openapi.ts'),
  locks: () => import('../locks/openapi.ts'),
  'publish-api': () => import('../publish-api/openapi.ts'),
  apply: () => import('../apply/openapi.ts'),
  metrics: () => import('../metrics/openapi.ts'),
  'fleet-site': () => import('../fleet-site/openapi.ts'),
  'locks-site': () => import('../locks-site/openapi.ts'),
}
