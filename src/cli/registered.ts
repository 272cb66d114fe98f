/** What rooms do for commands of rooms below them. */
import type { Review } from '../checks/update-check.ts'
import { type Endpoint, type Options, settingsOf } from './options.ts'

export interface Registered {
  /** Opens the endpoint of the settings. */
  readonly endpoint?: (options: Options) => Promise<Endpoint>
  /** What a server with the same settings withholds from one machine. */
  readonly review?: (options: Options) => Promise<Review | undefined>
  /** Holds failing releases by the projection of the fleet. */
  readonly guard?: (options: Options) => Promise<() => Promise<void>>
  /** Why the gates of a group of reboot locks give no slot now. */
  readonly lockGate?: (options: Options, group: string) => Promise<string | undefined>
}

let registered: Registered = {}

export const registerForCommands = (given: Registered): void => {
  registered = given
}

/** @returns `undefined` where the settings name no endpoint. */
export const openEndpoint = async (options: Options): Promise<Endpoint | undefined> =>
  'endpoint' in settingsOf(options, []) ? registered.endpoint?.(options) : undefined

/** @returns what judges all rollouts once, and never throws; `undefined` where nothing does. */
export const openGuard = async (options: Options): Promise<(() => Promise<void>) | undefined> =>
  registered.guard?.(options)

export const openReview = async (options: Options): Promise<Review | undefined> => registered.review?.(options)

/** @returns what a server with the same settings says of it; `undefined` where the gates are open. */
export async function askLockGate(options: Options, group: string) {
  const reason = await registered.lockGate?.(options, group)
  return reason === undefined ? undefined : { kind: 'gate' as const, reason }
}
