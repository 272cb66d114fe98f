/** SHA-256 of texts that stay in this process: tags of answers, names of what has no name of its own. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** @returns lower-case hex, of the text in UTF-8. */
export const textDigest = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)))
