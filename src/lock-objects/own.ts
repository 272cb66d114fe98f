/**
 * The documents of an object: its group from its own storage, everything else from the bucket. The stub in the bucket
 * decides whether the object has the group; while the two differ, the group moves, and nobody gets a slot.
 */
import { encode } from '../catalog/read.ts'
import { PlatteError } from '../kernel/errors.ts'
import { decodeStored, type LockStub, maxLockBytes } from '../locks/document.ts'
import type { Documents } from '../store/documents.ts'
import { type Held, isObjectToken } from './held.ts'

/** Of races against operators who change their mind. */
const maxAttempts = 10

/** @param agree finishes a move before the group is read, where there may be one. */
export const ownDocuments = (bucket: Documents, key: string, held: Held, agree: () => Promise<void>): Documents => ({
  ...bucket,
  async get(asked, maxBytes, known) {
    if (asked !== key) return bucket.get(asked, maxBytes, known)
    await agree()
    return held.head()?.state === 'kept' ? held.read() : bucket.get(asked, maxBytes, known)
  },
  swap: async (asked, bytes, token) =>
    isObjectToken(token) ? held.swap(bytes, token) : bucket.swap(asked, bytes, token),
})

/**
 * Takes the group over, or gives it back, as its stub says. To be run alone; after a crash at any point, the next run goes on.
 * @throws PlatteError('missing') where the storage lost the group; 'conflict'; as `Documents` does.
 */
export async function agreeWith(bucket: Documents, key: string, held: Held): Promise<void> {
  for (let i = 0; i < maxAttempts; i++) {
    const stored = await bucket.get(key, maxLockBytes)
    const found = stored && decodeStored(key, stored.bytes)
    if (stored === undefined || found?.type !== 'lock-stub') {
      // It is back in the bucket, and the object ended before it could forget it.
      if (held.head()?.state === 'returning') held.forget()
      return
    }
    const step = found.lock ? take : found.back ? giveBack : keep
    if ((await step(found, held, (bytes) => bucket.swap(key, bytes, stored.token))) === 'ok') return
  }
  throw new PlatteError('conflict', `${key}: moved by others again and again`)
}

type Step = (stub: LockStub, held: Held, swap: (bytes: Uint8Array) => Promise<'ok' | 'conflict'>) => Promise<string>

const take: Step = async ({ lock, ...stub }, held, swap) => {
  if (held.head()?.move !== stub.move) held.take(stub.move, encode(lock))
  const outcome = await swap(encode(stub))
  if (outcome === 'ok') held.become('kept')
  return outcome
}

const giveBack: Step = async (stub, held, swap) => {
  checkMove(stub, held)
  held.become('returning')
  const outcome = await swap(held.read().bytes)
  if (outcome === 'ok') held.forget()
  return outcome
}

const keep: Step = async (stub, held) => {
  checkMove(stub, held)
  held.become('kept')
  return 'ok'
}

function checkMove({ group, move }: LockStub, held: Held): void {
  if (held.head()?.move === move) return
  throw new PlatteError('missing', `the Durable Object of group ${group} lost its document`, {
    hint: `make sure that no machine reboots, remove locks/${group}.json from the bucket, and make the group anew`,
  })
}
