/**
 * Judges payloads as update_engine does, while they stream by: in one pass, with at most the manifest in memory.
 * @see flatcar/update_engine payload_processor.cc
 */
import { tap } from '../kernel/streams.ts'
import { isSignedByAny, type PayloadKey, type Signed } from './keys.ts'
import { beginOther, type Found, firstPhase, type PayloadFile, type Phase, refusal, wrongSize } from './phases.ts'

export interface PayloadCheck extends PayloadFile {
  /** Refuses what none of them signed. Empty: signatures are not judged. `later`: `judgeSignature` follows. */
  readonly keys: readonly PayloadKey[] | 'later'
  /** Whether it is another package than the one that update_engine installs. */
  readonly isExtra?: boolean
}

export interface PayloadReader {
  /** @throws PlatteError('refused') as soon as that is certain. */
  update(bytes: Uint8Array): Promise<void>
  /** @returns what `judgeSignature` takes; nothing for another file. @throws PlatteError('refused') */
  end(): Promise<Signed | undefined>
}

/** Passes a file on, and fails before its end where a client would refuse it. @param onEnd takes what to judge later. */
export function judged(
  body: ReadableStream<Uint8Array>,
  check: PayloadCheck,
  onEnd: (signed: Signed | undefined) => void = () => {},
): ReadableStream<Uint8Array> {
  const { update, end } = payloadReader(check)
  return tap(body, update, async () => onEnd(await end()))
}

/** Takes every byte of a file, in order. */
export function payloadReader(check: PayloadCheck): PayloadReader {
  const { newHasher, keys } = check
  const covered = keys.length > 0 ? newHasher.sha256() : undefined
  const found: Found = { signatures: new Uint8Array() }
  const first = firstPhase(check, found)
  let phase: Phase | undefined = first
  let size = 0
  return {
    async update(bytes) {
      size += bytes.length
      let rest = bytes
      while (phase && rest.length > 0) {
        const part = rest.subarray(0, phase.left)
        if (phase.isCovered) await covered?.update(part)
        await phase.take(part)
        phase.left -= part.length
        rest = rest.subarray(part.length)
        while (phase?.left === 0) phase = await phase.done()
      }
      if (rest.length > 0) await found.other?.update(rest)
    },
    async end() {
      if (phase === first) await beginOther(check, found, new Uint8Array())
      await found.other?.end()
      if (found.total === undefined && (phase === first || phase === undefined)) return undefined
      if (phase || size !== found.total) throw refusal(check, wrongSize(size, found.total ?? 20))
      const signed = covered && { digest: await covered.digest(), signatures: found.signatures }
      if (signed && keys !== 'later') await judgeSignature(signed, { ...check, keys })
      return signed
    },
  }
}

type Judged = Pick<PayloadCheck, 'name' | 'isExtra'> & { readonly keys: readonly PayloadKey[] }

/** @throws PlatteError('refused') for a payload that is not signed by any of the keys; without keys, all pass. */
export async function judgeSignature(signed: Signed, check: Judged): Promise<void> {
  const { keys, isExtra = false } = check
  if (keys.length === 0) return
  if (signed.signatures.length === 0) throw refusal(check, { code: 17, problem: 'is not signed' })
  if (!(await isSignedByAny(signed, keys, isExtra)))
    throw refusal(check, { code: 18, problem: 'is signed by none of the payload keys' })
}
