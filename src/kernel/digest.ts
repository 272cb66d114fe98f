/** SHA-256 of texts, at once; documents and packages are hashed by WebCrypto (`trust/digest.ts`) and the Hasher port. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** @returns lower-case hex, of the text in UTF-8. */
export const textDigest = (text: string): string => toHex(sha256(utf8ToBytes(text)))

/** Lower-case hex. */
export const toHex = bytesToHex
