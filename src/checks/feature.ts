/** What a deployment can do beside answering checks: each room that adds something exports one `Feature`. */
import type { CatalogCache } from '../catalog/cache.ts'
import type { StoreReader, StoreWriter } from '../catalog/read.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import type { Random } from '../kernel/random.ts'
import type { Packages } from '../store/packages.ts'
import type { Uploads } from '../store/uploads.ts'
import type { Extension, Gauge } from './serving.ts'

/** What features are built on. */
export interface FeatureContext {
  readonly cache: CatalogCache
  readonly reader: StoreReader
  /** Of the store itself. */
  readonly packages: Packages
  readonly random: Random
  readonly newHasher: NewHasher
  /** The store with the keys that settings name. */
  readonly openWriter: () => Promise<StoreWriter>
  /** @throws PlatteError('configuration') for a store that takes no uploads. */
  readonly openUploads: () => Promise<Uploads>
  /** A short file of this machine. @throws Error where it is too long, or there are no files. */
  readonly readText: (file: string, maxBytes: number) => Promise<string>
  /** What the runtime binds, by name. */
  readonly bindings: Readonly<Record<string, unknown>>
  /** Of all features. */
  readonly gauges: () => Promise<readonly Gauge[]>
}

/** A feature, opened only where the settings that need it are on. What it loads, it loads there. */
export interface Feature<Settings> {
  readonly name: string
  /** @returns `undefined` where the settings do not want it. */
  readonly open: (settings: Settings, context: FeatureContext) => Promise<Extension | undefined>
}
