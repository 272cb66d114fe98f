/** Packages of a store, and of its upstream where the store does not hold them. */
import type { Packages } from '../store/packages.ts'

/** Reads as if both were one; writes go to the first. Who reads knows what the bytes should be: nothing is checked here. */
export const packagesBehind = (own: Packages, upstream: Packages): Packages => ({
  ...own,
  open: async (key, range) => (await own.open(key, range)) ?? (await upstream.open(key, range)),
  stat: async (key) => (await own.stat(key)) ?? (await upstream.stat(key)),
})
