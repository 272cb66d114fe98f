/** The port of key services: private keys that no machine of ours ever sees, such as those of AWS KMS. */
import type { PublicKey } from '../documents/root.ts'
import type { Environment } from '../kernel/setting.ts'
import type { Signer } from './keys.ts'

export interface ServiceKey {
  /** The URL that names exactly this key, with its version where the service has versions. */
  readonly url: string
  readonly signer: Signer
  readonly publicKey: PublicKey
}

export interface ServiceRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** What services need of a runtime. */
export interface ServiceContext {
  /** Where the service is, and what it knows us by. */
  readonly env: Environment
  /** One request, bounded in time and size, without redirects. @throws Error without an answer. */
  readonly send: (request: ServiceRequest) => Promise<{ readonly status: number; readonly text: string }>
}

export interface KeyService {
  /**
   * @param publicKey spares the request for it where it is known: a signature of any other key is refused.
   * @throws PlatteError('usage') for another form of URL; 'credentials' without such a key of P-256 for signatures.
   */
  open(url: URL, context: ServiceContext, publicKey?: PublicKey): Promise<ServiceKey>
  /** Makes the key, or takes the one of this name. @throws PlatteError as `open`. */
  make(url: URL, context: ServiceContext): Promise<ServiceKey & { readonly created: boolean }>
}
