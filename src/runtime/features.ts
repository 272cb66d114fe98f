/**
 * What a deployment can do beside answering checks and keeping its catalog fresh. Entries bring along what they carry: a
 * Worker for checks alone has none of it, and so a third of the size.
 */

import type { Pages } from '../checks/serving.ts'
import type { openLocks } from '../locks/http/routes.ts'
import type { mirrorStep } from '../mirroring/step.ts'
import type { publishingOnDemand } from '../publish-api/routes.ts'
import type { sweepUploads } from '../publish-api/sweep-uploads.ts'
import type { Packages } from '../store/packages.ts'
import type { Settings } from './settings.ts'

export interface Features {
  readonly openLocks?: typeof openLocks
  readonly publisher?: typeof publishingOnDemand
  /** What a schedule removes of uploads that nobody ended. */
  readonly sweep?: typeof sweepUploads
  /** Pages and feeds for people. */
  readonly pages?: Pages
  readonly mirroring?: {
    readonly step: typeof mirrorStep
    /** The packages of a store, and behind them those of the upstream. */
    readonly behind: (packages: Packages, upstream: string) => Packages
  }
}

/** What settings want, and this entry does not carry. */
export const missingFeatures = (
  { locks, publishPolicy, upstream }: Settings,
  { openLocks, publisher, mirroring }: Features,
): readonly string[] => [
  ...(locks && !openLocks ? [`PLATTE_LOCKS: ${notHere}`] : []),
  ...(publishPolicy && !publisher ? [`PLATTE_PUBLISH_POLICY: ${notHere}`] : []),
  ...(upstream !== undefined && !mirroring ? [`PLATTE_UPSTREAM: ${notHere}`] : []),
]

const notHere = 'this is built for checks alone; deploy src/runtime/worker-full.ts'
