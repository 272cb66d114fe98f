/** The bucket of a machine: differs by release, stays the same at every check, is never stored. */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

/** Two independent numbers. */
export interface Bucket {
  /** 0 to 1: a ramp with a higher share admits the machine. */
  readonly ramp: number
  /** 0 to 1: how far into the spread of a window the machine starts. */
  readonly window: number
}

/** What buckets depend on beside the release: a follower has its own. */
export interface BucketScope {
  readonly app: string
  readonly channel: string
}

/**
 * The first and the second 32 bits of SHA-256 over `v1`, app, channel, version and the machine's id in lower case, with a
 * zero byte between each; as fractions. A machine without an id comes last.
 */
export function bucketOf({ app, channel }: BucketScope, version: string, machineId: string): Bucket {
  if (machineId === '') return { ramp: 1, window: 1 }
  const digest = sha256(utf8ToBytes(`v1\0${app}\0${channel}\0${version}\0${machineId.toLowerCase()}`))
  return { ramp: fraction(digest, 0), window: fraction(digest, 4) }
}

function fraction(digest: Uint8Array, from: number): number {
  let value = 0
  for (let i = from; i < from + 4; i++) value = value * 256 + (digest[i] ?? 0)
  return value / 2 ** 32
}
