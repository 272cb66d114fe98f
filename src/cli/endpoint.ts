/** Publish functions that commands call instead of writing a store; `main.ts` registers the client. */
import type { ChannelCommand } from '../channels/commands.ts'
import type { Package } from '../release/channel.ts'
import { type Options, settingsOf } from './options.ts'

export interface AnnouncedUpload {
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly packages: readonly Package[]
}

export interface Endpoint {
  /** Sends a command; with a release key at hand, signed too. @throws PlatteError as the function refuses. */
  send<Result>(command: ChannelCommand, options: { readonly dryRun?: boolean | undefined }): Promise<Result>
  /** Uploads the packages that the function lacks. @throws PlatteError as it refuses; 'mismatch' for other bytes. */
  upload(announced: AnnouncedUpload, sending: Sending): Promise<void>
}

export interface Sending {
  /** Paths by the names of packages. */
  readonly files: ReadonlyMap<string, string>
  /** Called for each part that arrived. */
  readonly onBytes: (bytes: number) => void
}

type Open = (options: Options) => Promise<Endpoint>
let open: Open | undefined

/** Names what opens the endpoint of the settings. */
export const registerEndpoint = (opens: Open): void => {
  open = opens
}

/** @returns `undefined` where the settings name no endpoint. */
export const openEndpoint = async (options: Options): Promise<Endpoint | undefined> =>
  'endpoint' in settingsOf(options, []) ? open?.(options) : undefined
