/** Adopting from another Platte, which the room `mirroring` carries out where a deployment has it. */
import type { ChannelRef } from '../catalog/read.ts'
import type { EditResult } from '../channels/plan.ts'
import type { Publisher } from '../channels/publish.ts'
import type { Transport } from '../store/http/transport.ts'
import type { Pin } from '../trust/verify-root.ts'

export interface PlatteAdoption {
  /** A URL that ends in "/". */
  readonly upstream: string
  /** Of its root. */
  readonly pin: Pin
  /** The channel there. */
  readonly from: ChannelRef
  /** The own channel of the same app. */
  readonly to: string
  readonly afterMs: number
  readonly rampOverMs?: number | undefined
  readonly create?: boolean
  readonly raw?: boolean
  readonly belowNewest?: boolean
  readonly skipFloors?: boolean
}

/** Loads what adopts from another Platte. */
export type LoadPlatte = () => Promise<{
  readonly adoptFromUrl: (publisher: Publisher, adoption: PlatteAdoption, transport: Transport) => Promise<EditResult>
}>
