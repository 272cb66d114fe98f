/** A payload as it arrives: magic, head, manifest, the data of each operation, signatures. */
import { PlatteError } from '../kernel/errors.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import { type Fault, type Manifest, readManifest } from './manifest.ts'

const magic = 'CrAU'
/** The magic, version and size of the manifest. */
const headBytes = 20
/** A payload of a gigabyte has a manifest of less than 100 kB. */
const maxManifestBytes = 4 * 1024 * 1024
const maxSignaturesBytes = 64 * 1024

export interface PayloadFile {
  /** For messages. */
  readonly name: string
  /** Bytes, where they are known: a file that was cut is then refused at its start. */
  readonly size?: number
  readonly newHasher: Pick<NewHasher, 'sha256'>
  /** Whether a file that does not begin as a payload is refused. Called only for such a file. */
  readonly isRequired: () => boolean | Promise<boolean>
  /** What judges a file that is no payload. @param start its first bytes. @throws PlatteError('refused') */
  readonly other?: (start: Uint8Array) => OtherReader | Promise<OtherReader> | undefined
}

/** Takes every byte of a file that is no payload, in order. @throws PlatteError('refused') */
export interface OtherReader {
  update(bytes: Uint8Array): Promise<void>
  end(): Promise<unknown>
}

/** What was read so far. */
export interface Found {
  /** Bytes that a whole file has. */
  total?: number
  signatures: Uint8Array
  other?: OtherReader
}

/** The next bytes of a payload. */
export interface Phase {
  left: number
  /** Whether the signatures cover them. */
  readonly isCovered: boolean
  take(bytes: Uint8Array): void | Promise<void>
  /** @returns what follows. @throws PlatteError('refused') */
  done(): Phase | undefined | Promise<Phase | undefined>
}

export const refusal = ({ name }: Pick<PayloadFile, 'name'>, { code, problem }: Fault): PlatteError =>
  new PlatteError('refused', `${name} ${problem}${code === undefined ? '' : ` (update_engine's error ${code})`}`, {
    hint: code === 21 ? rawHint : 'get the file again from where it was built',
  })

const rawHint = 'name the payload first, such as flatcar_production_update.gz; --raw publishes any other file'

export const wrongSize = (size: number, total: number): Fault => ({
  code: 11,
  problem: `has ${size} bytes, and its own head says ${total}`,
})

/** @throws PlatteError('refused') where the file must be a payload. */
export async function beginOther(file: PayloadFile, found: Found, start: Uint8Array): Promise<undefined> {
  if (await file.isRequired())
    throw refusal(file, {
      code: 21,
      problem: `does not begin with ${magic}: it is no payload that update_engine installs`,
    })
  const reader = await file.other?.(start)
  if (reader === undefined) return
  await reader.update(start)
  found.other = reader
}

export const firstPhase = (file: PayloadFile, found: Found): Phase =>
  collect(magic.length, (bytes) =>
    new TextDecoder().decode(bytes) === magic
      ? collect(headBytes - magic.length, (head) => afterHead(file, found, head))
      : beginOther(file, found, bytes),
  )

function collect(length: number, then: (bytes: Uint8Array) => ReturnType<Phase['done']>, isCovered = true): Phase {
  const bytes = new Uint8Array(length)
  return {
    left: length,
    isCovered,
    take(part) {
      bytes.set(part, length - this.left)
    },
    done: () => then(bytes),
  }
}

function afterHead(file: PayloadFile, found: Found, head: Uint8Array): Phase {
  const view = new DataView(head.buffer)
  const [version, length] = [Number(view.getBigUint64(0)), Number(view.getBigUint64(8))]
  if (version !== 1) throw refusal(file, { problem: `has version ${version} of the format; clients read version 1` })
  const start = headBytes + length
  if (file.size !== undefined && file.size < start) throw refusal(file, wrongSize(file.size, start))
  if (length > maxManifestBytes)
    throw refusal(file, { problem: `has a manifest of ${length} bytes, more than ${maxManifestBytes}` })
  found.total = start
  return collect(length, (bytes) => afterManifest(file, found, bytes))
}

function afterManifest(file: PayloadFile, found: Found, bytes: Uint8Array): Phase | undefined {
  const manifest = readManifest(bytes)
  if ('problem' in manifest) throw refusal(file, manifest)
  const { dataLength, signaturesLength, hasNewPartition } = manifest
  const total = headBytes + bytes.length + dataLength + signaturesLength
  if (file.size !== undefined && file.size !== total) throw refusal(file, wrongSize(file.size, total))
  if (!hasNewPartition) throw refusal(file, { code: 12, problem: 'names no new partition in its manifest' })
  if (signaturesLength > maxSignaturesBytes)
    throw refusal(file, { problem: `has signatures of ${signaturesLength} bytes, more than ${maxSignaturesBytes}` })
  found.total = total
  return operationPhase(file, found, manifest, 0)
}

function operationPhase(file: PayloadFile, found: Found, manifest: Manifest, index: number): Phase | undefined {
  const operation = manifest.operations[index]
  if (operation === undefined) return signaturesPhase(found, manifest)
  const { length, sha256 } = operation
  const hash = sha256 === undefined ? undefined : file.newHasher.sha256()
  return {
    left: length,
    isCovered: true,
    take: (bytes) => hash?.update(bytes),
    async done() {
      if ((await hash?.digest()) !== sha256)
        throw refusal(file, { code: 29, problem: `has other data for operation ${index + 1} than its manifest says` })
      return operationPhase(file, found, manifest, index + 1)
    },
  }
}

function signaturesPhase(found: Found, { signaturesLength }: Manifest): Phase | undefined {
  if (signaturesLength === 0) return undefined
  const keep = (bytes: Uint8Array): undefined => {
    found.signatures = bytes
  }
  return collect(signaturesLength, keep, false)
}
