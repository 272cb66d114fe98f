/** SHA-256 of texts, at once; documents and packages are hashed by WebCrypto (`trust/digest.ts`) and the Hasher port. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** @returns lower-case hex, of the text in UTF-8. */
export const textDigest = (text: string): string => toHex(sha256(utf8ToBytes(text)))

/** @returns lower-case hex. For short bytes. */
export const bytesDigest = (bytes: Uint8Array): string => toHex(sha256(bytes))

/** Lower-case hex. */
export const toHex = bytesToHex
