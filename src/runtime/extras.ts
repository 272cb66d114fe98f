/**
 * What a deployment can do beside answering checks and keeping its catalog fresh. Entries bring along what they carry: a
 * Worker for checks alone has none of it, and so a third of the size.
 */
import type { openLocks } from '../http/locks/routes.ts'
import type { Pages } from '../http/serving.ts'
import type { Packages } from '../ports/packages.ts'
import type { sweepUploads } from '../service/sweep-uploads.ts'
import type { Settings } from './config.ts'
import type { mirrorStep } from './mirror-step.ts'
import type { publishingOnDemand } from './publishing.ts'

export interface Extras {
  readonly openLocks?: typeof openLocks
  readonly publishing?: typeof publishingOnDemand
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
export const lackingExtras = (
  { locks, publishPolicy, upstream }: Settings,
  { openLocks, publishing, mirroring }: Extras,
): readonly string[] => [
  ...(locks && !openLocks ? [`PLATTE_LOCKS: ${notHere}`] : []),
  ...(publishPolicy && !publishing ? [`PLATTE_PUBLISH_POLICY: ${notHere}`] : []),
  ...(upstream !== undefined && !mirroring ? [`PLATTE_UPSTREAM: ${notHere}`] : []),
]

const notHere = 'this is built for checks alone; deploy src/runtime/worker-full.ts'
