/** The three documents as an attacker meets them, and how to make forgeries of each. */

import { type EnvelopeType, seal } from '../../src/trust/envelope.ts'
import type { Signer } from '../../src/trust/keys.ts'
import { verifyCatalog, verifyHead } from '../../src/trust/verify-documents.ts'
import { verifyNextRoot } from '../../src/trust/verify-root.ts'
import {
  app,
  b64,
  bytesOf,
  catalogDocument,
  channelDocument,
  headerOf,
  now,
  refusal,
  rootDocument,
  signRaw,
  type TestKey,
  type World,
} from './world.ts'

/** One document, who may sign it, and how a reader opens it. */
export interface Victim {
  readonly type: EnvelopeType
  readonly document: object
  readonly keys: readonly TestKey[]
  /** Of another role. */
  readonly others: readonly TestKey[]
  readonly open: (bytes: Uint8Array) => Promise<unknown>
}

export const victims: Record<string, (world: World) => Victim> = {
  root: ({ trusted, root, release, timestamp }) => ({
    type: 'platte-root+jws',
    document: rootDocument({ version: 2, root, release, timestamp, threshold: trusted.root.roles.root.threshold }),
    keys: root,
    others: timestamp,
    open: (bytes) => verifyNextRoot(bytes, trusted),
  }),
  catalog: ({ trusted, release, timestamp }) => ({
    type: 'platte-catalog+jws',
    document: catalogDocument(),
    keys: timestamp,
    others: release,
    open: (bytes) => verifyCatalog(bytes, trusted, { now }),
  }),
  channel: ({ trusted, release, timestamp }) => ({
    type: 'platte-channel+jws',
    document: channelDocument(),
    keys: release,
    others: timestamp,
    open: (bytes) => verifyHead(bytes, trusted, { app, channel: 'stable', seq: 42 }),
  }),
}

/** What a row has to work with. */
export interface Scene extends Victim {
  readonly key: TestKey
  readonly stranger: TestKey
  readonly payload: string
  /** An honest envelope as an object. */
  readonly honest: { payload: string; signatures: { protected: string; signature: string }[] }
  readonly header: { alg: string; kid: string; typ: string }
}

export async function sceneOf(world: World, name: string): Promise<Scene> {
  const victim = victims[name]?.(world)
  if (victim === undefined) throw new Error(`no victim ${name}`)
  const [key] = victim.keys
  if (key === undefined) throw new Error('a world without keys')
  const honest = JSON.parse(Buffer.from(await seal(victim.type, bytesOf(victim.document), victim.keys)).toString())
  const payload: string = honest.payload
  return { ...victim, key, stranger: world.stranger, payload, honest, header: headerOf(victim.type, key) }
}

export type Row = readonly [string, (scene: Scene) => Promise<unknown> | unknown, RegExp]

/** An envelope whose one signature has another header, rightly signed. */
export const withHeader = (change: (scene: Scene) => object | string) => async (scene: Scene) => ({
  payload: scene.payload,
  signatures: [await signRaw({ header: change(scene), key: scene.key, payload: scene.payload })],
})

export const withSigners = (pick: (scene: Scene) => readonly Signer[]) => (scene: Scene) =>
  seal(scene.type, bytesOf(scene.document), pick(scene))

export const withSignature =
  (change: (one: { protected: string; signature: string }, scene: Scene) => object) => (scene: Scene) => ({
    payload: scene.payload,
    signatures: scene.honest.signatures.map((one) => change(one, scene)),
  })

export const flipLast = (text: string): string => {
  const bytes = Buffer.from(text, 'base64url')
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  return b64(bytes)
}

/** Opens what a row made: bytes as they are, anything else as JSON. */
export async function attempt(scene: Scene, attack: Row[1]): Promise<string> {
  const forged = await attack(scene)
  return refusal(scene.open(forged instanceof Uint8Array ? forged : bytesOf(forged)))
}
