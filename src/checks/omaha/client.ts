/** A browser, an extension or an application, in the words of JSON and gupdate requests. */
export interface OmahaClient {
  /** `ondemand`, `policy`, `taggedmi`, … or empty. */
  readonly installSource: string
  /** What its place in ramps depends on: an id of its own, or its cohort; empty where it has neither. */
  readonly rampId: string
  /** The cohort that the client stores; without one it keeps what it has. */
  readonly cohort?: string
  /** The version of the browser that it is in; empty where unknown. */
  readonly browser: string
  /** What it can do with a package, such as `crx3,download`; empty where it does not say. */
  readonly operations: string
  /** The SHA-256 of each package that it has. */
  readonly held: readonly string[]
  /** The indexes of installation data that it asks for. */
  readonly data: readonly string[]
}
