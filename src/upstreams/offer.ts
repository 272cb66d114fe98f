/** What a server that is no Platte offers, in one shape for every kind of server. */
import { PlatteError } from '../kernel/errors.ts'
import type { Image, Install, Package, RampStep } from '../release/channel.ts'
import type { Configured } from '../store/http/fetch.ts'
import type { Transport } from '../store/http/transport.ts'

/** A package as it is announced: size in bytes, digests in lower-case hex. Without one, its own signature protects it. */
export interface OfferedPackage {
  readonly name: string
  readonly size: number
  readonly sha1?: string
  readonly sha256?: string
  readonly install?: Install
}

interface Offered {
  readonly version: string
  /** Why machines must pass through it, if it is a floor. */
  readonly floor?: string | undefined
}

export interface OfferedFiles extends Offered {
  /** Base URLs of its packages; `undefined` for a release that the asker has already. */
  readonly codebases: readonly string[] | undefined
  /** Whether these are URLs of its one package, which no name can be added to. */
  readonly areFiles?: true
  /** The OS package first. */
  readonly packages: readonly [OfferedPackage, ...OfferedPackage[]]
}

export interface OfferedImage extends Offered {
  readonly image: Image
  /** Why machines that run it are offered nothing. */
  readonly deadEnd?: string
  /** Whether it is offered beside a newer one, as far as its ramp goes. */
  readonly isOffered: boolean
  readonly ramp?: readonly RampStep[]
  /** What Platte does otherwise: sentences. */
  readonly notes: readonly string[]
}

export type OfferedRelease = OfferedFiles | OfferedImage

/** What is asked for. */
export interface Wanted {
  /** Without braces, in lower case. */
  readonly app: string
  /** The channel there. */
  readonly channel: string
  readonly board: string
  /** Whether the asker has a release, and so needs no URL of it. */
  readonly isKnown: (version: string) => boolean
}

export interface Upstream {
  /** For messages: the origin, since a path may be a secret. */
  readonly name: string
  /** What URLs in its answers are judged by. */
  readonly from: Configured
  readonly transport: Transport
  /** The only channel there. */
  readonly channel?: string
  /** What boards it has, where it tells. @throws PlatteError as `ask`. */
  readonly boards?: () => Promise<readonly string[]>
  /**
   * Asks for the releases of one board, oldest first: floors, and at last the newest. None: it offers nothing.
   * @throws PlatteError for a server that does not answer, refuses, or answers nonsense; the message names channel and field.
   */
  readonly ask: (wanted: Wanted) => Promise<readonly OfferedRelease[]>
}

export interface Opening extends Pick<Upstream, 'transport'> {
  /** Of `fcos`: the URL of releases.json, if it is not where Fedora has it. */
  readonly releasesJson?: string | undefined
  /** Of `fcos`: milliseconds since 1970. */
  readonly now?: number
}

/** The same error, with the upstream, the channel and the board before its words. */
export function placed(error: unknown, where: string): unknown {
  if (!(error instanceof PlatteError)) return error
  const { code, message, hint } = error
  return new PlatteError(code, `${where}: ${message}`, { ...(hint !== undefined && { hint }), cause: error })
}

type Told = Partial<Omit<OfferedPackage, 'name'>> & Pick<OfferedPackage, 'name'>

/** Whether packages are those of another server, as far as it tells. Names may differ: a Nebraska that hosts packages renames them. */
export function areSameFiles(own: readonly Package[], told: readonly Told[]): boolean {
  const isSame = (one: Package | undefined, other: Told | undefined): boolean => {
    if (one === undefined || other === undefined) return false
    const { name, size = one.size, sha1, sha256 } = other
    const isDigestTold = sha1 !== undefined || sha256 !== undefined
    const areEqual = one.size === size && one.sha1 === (sha1 ?? one.sha1) && one.sha256 === (sha256 ?? one.sha256)
    return areEqual && (isDigestTold || one.name === name)
  }
  const isComplete = own.length === told.length && isSame(own[0], told[0])
  return isComplete && told.every((other) => own.some((one) => isSame(one, other)))
}
