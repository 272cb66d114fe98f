/**
 * Names of update_engine's error codes.
 * @see flatcar/update_engine action_processor.h, ActionExitCode
 */
import type { OmahaErrorCode } from './omaha.ts'

/** Bits 28 to 31 say how the machine runs (own update URL, test image, resumed, developer mode), not what failed. */
const baseBits = 0x0fffffff

const names: Readonly<Record<number, string>> = {
  0: 'success',
  1: 'error',
  2: 'omaha-request',
  3: 'omaha-response-handler',
  4: 'filesystem-copier',
  5: 'postinstall',
  6: 'set-bootable-flag',
  7: 'install-device-open',
  8: 'kernel-device-open',
  9: 'download-transfer',
  10: 'payload-hash',
  11: 'payload-size',
  12: 'payload-verification',
  13: 'new-partition-info',
  14: 'download-write',
  15: 'rootfs-verification',
  16: 'kernel-verification',
  17: 'unsigned-payload',
  18: 'bad-signature',
  19: 'booted-from-firmware-b',
  20: 'download-state-initialization',
  21: 'bad-magic',
  22: 'signature-missing-in-manifest',
  23: 'manifest-parse',
  24: 'metadata-signature',
  25: 'metadata-signature-verification',
  26: 'metadata-signature-mismatch',
  27: 'operation-hash-verification',
  28: 'operation-execution',
  29: 'operation-hash',
  30: 'empty-response',
  31: 'bad-xml',
  32: 'metadata-size',
  33: 'metadata-signature-invalid',
  34: 'invalid-response',
  35: 'ignored-by-policy',
  36: 'deferred-by-policy',
  37: 'http-error',
  38: 'operation-hash-missing',
  39: 'metadata-signature-missing',
  40: 'deferred-by-back-off',
  41: 'powerwash',
  42: 'pcr-policy-verification',
  43: 'pcr-policy-http',
  44: 'rollback',
  2000: 'no-http-answer',
  2999: 'odd-http-code',
}

/**
 * Names an error code without flag bits.
 * @returns e.g. `rollback`, `http 404`; `code 4711` for an unknown one.
 */
export function omahaErrorName(base: number): string {
  const name = names[base]
  if (name !== undefined) return name
  return base > 2000 && base < 2999 ? `http ${base - 2000}` : `code ${base}`
}

/** @param code as sent: base and flag bits, signed or unsigned 32 bits. */
export function omahaErrorCode(code: number): OmahaErrorCode {
  const base = code & baseBits
  return { base, name: omahaErrorName(base) }
}
