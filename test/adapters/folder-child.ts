/**
 * A process that uses a folder store, for tests that need several or that kill one.
 * node folder-child.ts <root> count <times> · loop · create <bytes> [nobody] · read 0 [nobody]
 */
import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../src/kernel/clock.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { Documents } from '../../src/store/documents.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'

export const counterKey = 'locks/counter.json'
const padding = 40_000

/** A counter's whole state: each one has another size, and its number all over. */
export const counterState = (n: number): Uint8Array => new TextEncoder().encode(`${n}${` ${n}`.repeat(padding)}`)

/** @throws Error for half a state, or for one of two writers. */
export function readCounter(bytes: Uint8Array): number {
  const words = new TextDecoder().decode(bytes).split(' ')
  const n = Number(words[0])
  if (words.length !== padding + 1 || words.some((word) => Number(word) !== n)) throw new Error('not a whole state')
  return n
}

/** Adds 1 as soon as nobody gets in between. @returns the new number. */
export async function increment(store: Documents): Promise<number> {
  for (let tries = 0; tries < 100_000; tries++) {
    const there = await store.get(counterKey, 16 * 1024 * 1024)
    if (there === undefined) throw new Error('the counter is lost')
    const next = readCounter(there.bytes) + 1
    if ((await store.swap(counterKey, counterState(next), there.token)) === 'ok') return next
  }
  throw new Error('100000 swaps in vain')
}

/** Root may do everything, so what is about permissions goes on as nobody, once all code is loaded. */
function becomeNobody(): void {
  if (process.getuid?.() !== 0) return
  process.setgid?.(65_534)
  process.setuid?.(65_534)
}

async function main(root: string, mode: string, times: number): Promise<void> {
  const store = folderDocuments(root, { clock: systemClock })
  if (mode === 'create') await store.create('notes/big', new Uint8Array(times))
  if (mode === 'read') await store.get('notes/secret', 100)
  const ends = mode === 'loop' ? Number.POSITIVE_INFINITY : mode === 'count' ? times : 0
  for (let done = 0; done < ends; done++) writeSync(1, `${await increment(store)}\n`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , root = '', mode = '', times = '0', user = ''] = process.argv
  if (user === 'nobody') becomeNobody()
  await main(root, mode, Number(times)).catch((error) => {
    writeSync(1, error instanceof PlatteError ? `${error.code}: ${error.message}\n` : `defect: ${error}\n`)
    process.exitCode = 1
  })
}
