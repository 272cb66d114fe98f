/**
 * The two messages inside a payload: what update_engine reads of them, and the errors that it reports.
 * @see flatcar/update_engine delta_metadata.cc, payload_processor.cc, update_metadata.proto
 */
import { toHex } from '../kernel/digest.ts'
import { type Field, readFields } from './protobuf.ts'

/** Why a payload is refused. `code`: what update_engine reports; none where it would not notice. */
export interface Fault {
  readonly code?: number
  readonly problem: string
}

/** The data of an operation, in bytes, and its SHA-256 in lower-case hex; none for data that clients skip. */
export interface Operation {
  readonly length: number
  readonly sha256: string | undefined
}

export interface Manifest {
  /** Their data follows the manifest without gaps. */
  readonly operations: readonly Operation[]
  /** Bytes of all operations. */
  readonly dataLength: number
  /** Bytes of the Signatures message behind the data; 0: it is not signed. */
  readonly signaturesLength: number
  readonly hasNewPartition: boolean
}

interface RawOperation {
  readonly offset: number
  readonly length: number
  readonly hash: Uint8Array | undefined
}

interface Procedure {
  readonly operations: readonly RawOperation[]
  readonly hasType: boolean
  readonly hasNewInfo: boolean
}

const [replace, replaceBz, move, bsdiff] = [0, 1, 2, 3]
const operationTypes = [replace, replaceBz, move, bsdiff]
const [kernel, pcrPolicy] = [0, 1]
const procedureTypes = [kernel, pcrPolicy]

export function readManifest(message: Uint8Array): Manifest | Fault {
  const operations: RawOperation[] = []
  const procedures: Procedure[] = []
  let [offset, signaturesLength, hasNewPartition]: [number | undefined, number, boolean] = [undefined, 0, false]
  const isWhole = readFields(message, ({ tag, value, bytes }) => {
    if (tag === 0x0a) return keep(operations, readOperation(bytes))
    if (tag === 0x12) return readOperation(bytes) !== undefined
    if (tag === 0x20) offset = value
    else if (tag === 0x28) signaturesLength = value
    else if (tag === 0x4a) hasNewPartition = true
    else if (tag === 0x52) return keep(procedures, readProcedure(bytes))
    return tag === 0x42 || tag === 0x4a ? isMessage(bytes) : true
  })
  if (!isWhole) return { code: 23, problem: 'its manifest cannot be parsed' }
  if (procedures.some(({ hasType, hasNewInfo }) => hasType && !hasNewInfo))
    return { code: 23, problem: 'its manifest has a procedure without new_info' }
  const all = [
    ...operations.map(performed(true)),
    ...procedures.flatMap((one) => one.operations.map(performed(one.hasType))),
  ]
  return layOut(all, { offset, signaturesLength, hasNewPartition })
}

const isMessage = (bytes: Uint8Array): boolean => readFields(bytes, () => true)

function keep<T>(list: T[], found: T | undefined): boolean {
  if (found !== undefined) list.push(found)
  return found !== undefined
}

const isUint32 = (value: number): boolean => value < 2 ** 32

function readOperation(message: Uint8Array): RawOperation | undefined {
  let [type, offset, length, hash]: [number, number, number, Uint8Array | undefined] = [-1, 0, 0, undefined]
  const isWhole = readFields(message, ({ tag, value, bytes }) => {
    if (tag === 0x08 && operationTypes.includes(value)) type = value
    else if (tag === 0x10) offset = value
    else if (tag === 0x18) length = value
    else if (tag === 0x42) hash = bytes
    return tag === 0x22 || tag === 0x32 ? isMessage(bytes) : true
  })
  return isWhole && type >= 0 && isUint32(offset) && isUint32(length) ? { offset, length, hash } : undefined
}

function readProcedure(message: Uint8Array): Procedure | undefined {
  const operations: RawOperation[] = []
  let [hasType, hasNewInfo] = [false, false]
  const isWhole = readFields(message, ({ tag, value, bytes }: Field) => {
    if (tag === 0x08 && procedureTypes.includes(value)) hasType = true
    else if (tag === 0x12) return keep(operations, readOperation(bytes))
    else if (tag === 0x22) hasNewInfo = true
    return tag === 0x1a || tag === 0x22 ? isMessage(bytes) : true
  })
  return isWhole ? { operations, hasType, hasNewInfo } : undefined
}

/** Clients pass over the operations of a procedure that they do not know. */
const performed = (isPerformed: boolean) => (raw: RawOperation) => ({ ...raw, isPerformed })
type Placed = ReturnType<ReturnType<typeof performed>>
type Rest = Pick<Manifest, 'signaturesLength' | 'hasNewPartition'> & { readonly offset: number | undefined }

/** Clients read the data in order, as it arrives. */
function layOut(all: readonly Placed[], { offset, ...rest }: Rest): Manifest | Fault {
  const operations: Operation[] = []
  let dataLength = 0
  for (const [i, one] of all.entries()) {
    if (one.length > 0 && one.offset !== dataLength)
      return { code: 28, problem: `operation ${i + 1} has its data at ${one.offset}, expected ${dataLength}` }
    const sha256 = one.isPerformed && one.hash && one.hash.length > 0 ? toHex(one.hash) : undefined
    if (one.isPerformed && one.length > 0 && sha256 === undefined)
      return { code: 38, problem: `operation ${i + 1} has no hash of its data` }
    dataLength += one.length
    operations.push({ length: one.length, sha256 })
  }
  if (offset !== undefined && offset !== dataLength)
    return { code: 28, problem: `its signatures are at ${offset}, expected ${dataLength}` }
  return { operations, dataLength, ...rest, signaturesLength: offset === undefined ? 0 : rest.signaturesLength }
}

/** One slot of the Signatures message. */
export interface Signature {
  readonly version: number | undefined
  readonly data: Uint8Array
}

/** @returns `undefined` for a malformed message. */
export function readSignatures(message: Uint8Array): readonly Signature[] | undefined {
  const signatures: Signature[] = []
  const isWhole = readFields(message, ({ tag, bytes }) => tag !== 0x0a || keep(signatures, readSignature(bytes)))
  return isWhole ? signatures : undefined
}

function readSignature(message: Uint8Array): Signature | undefined {
  let [version, data]: [number | undefined, Uint8Array] = [undefined, new Uint8Array()]
  const isWhole = readFields(message, ({ tag, value, bytes }) => {
    if (tag === 0x08) version = value
    else if (tag === 0x12) data = bytes
    return true
  })
  return isWhole ? { version, data } : undefined
}
