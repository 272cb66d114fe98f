/** A reader that has answered once, and what goes on around it. */
import { expect, vi } from 'vitest'
import { editCatalog } from '../../src/catalog/edit-catalog.ts'
import type { Answering } from '../../src/checks/update-check.ts'
import { channelKey } from '../../src/documents/paths.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { isoText } from '../../src/kernel/format.ts'
import { app, ask, newReader, newStore, now, publishOne, type TestStore, watched } from '../world.ts'

/** A store, a reader of it, and what that reader reads. */
export interface Scene extends TestStore, Pick<ReturnType<typeof watched>, 'reads' | 'hook'> {
  readonly reader: Answering
}

/** A store that offers version 2 in `stable`, and a reader that has answered from it once. */
export async function scene(): Promise<Scene> {
  const store = await newStore()
  await publishOne(store, '2')
  const { documents, reads, hook } = watched(store.bucket)
  const reader = newReader(store, { documents })
  expect(await ask(reader)).toBe('update 2')
  reads.length = 0
  return { ...store, reader, reads, hook }
}

/** The key of a manifest of `stable`. */
export const stable = (seq: number): string => channelKey(app, 'stable', seq)
/** What a store that is down does to a read. */
export const down = (): never => {
  throw new PlatteError('store-unavailable', 'the store does not answer')
}

/** Lets work that needs no timer end. */
export async function settled(done: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(done()).toBe(true), { timeout: 120_000, interval: 2 })
}

/** Puts a hold on a version of `stable`, as an operator's brake does. */
export const hold = ({ publisher }: TestStore, version: string): Promise<unknown> =>
  editCatalog(publisher, (catalog) => {
    const found = catalog.apps[app]
    const entry = found?.channels.stable
    if (found === undefined || entry === undefined) throw new Error('there is no stable')
    const holds = [{ version, reason: 'boot loop', at: isoText(now) }]
    return { ...catalog, apps: { [app]: { ...found, channels: { ...found.channels, stable: { ...entry, holds } } } } }
  })
