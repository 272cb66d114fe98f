/** The folder store among several real processes, and with processes that die or sleep at any moment. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { counterKey, counterState, increment, readCounter } from './folder-child.ts'

const script = join(import.meta.dirname, 'folder-child.ts')
let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'platte-processes-'))
  await store().create(counterKey, counterState(0))
})
afterEach(() => rm(root, { recursive: true }))

const store = () => folderDocuments(root, { clock: systemClock })
const counted = async (): Promise<number> =>
  readCounter((await store().get(counterKey, 16_000_000))?.bytes ?? new Uint8Array())

/** A child, and the numbers that it has said it wrote. */
function start(...args: string[]): { readonly child: ChildProcess; readonly said: () => number[] } {
  const child = spawn(process.execPath, [script, root, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return { child, said: () => output.split('\n').slice(0, -1).map(Number) }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('4 processes that each add 40 reach 160', async () => {
  const writers = [1, 2, 3, 4].map(() => start('count', '40'))
  await Promise.all(writers.map(({ child }) => once(child, 'close')))
  expect(await counted()).toBe(160)
  const all = writers.flatMap(({ said }) => said()).sort((a, b) => a - b)
  expect(all).toEqual(Array.from({ length: 160 }, (_, n) => n + 1))
})

test('a process killed at any moment leaves a complete state, loses no acknowledged write and blocks nobody', async () => {
  for (let round = 0; round < 8; round++) {
    const { child, said } = start('loop')
    await expect.poll(() => said().length, { interval: 2, timeout: 120_000 }).toBeGreaterThan(0)
    await pause(Math.random() * 15)
    child.kill('SIGKILL')
    await once(child, 'close')
    const answered = said().at(-1) ?? 0
    const found = await counted()
    expect([answered, answered + 1]).toContain(found)
    expect(await increment(store())).toBe(found + 1)
  }
})

test('a process suspended at any moment overwrites nothing that others wrote', async () => {
  const { child, said } = start('loop')
  await expect.poll(() => said().length, { interval: 2, timeout: 120_000 }).toBeGreaterThan(0)
  const ours: number[] = []
  for (let round = 0; round < 30; round++) {
    child.kill('SIGSTOP')
    await pause(5)
    ours.push(await increment(store()), await increment(store()))
    child.kill('SIGCONT')
    await pause(Math.random() * 10)
  }
  child.kill('SIGKILL')
  await once(child, 'close')
  const all = [...ours, ...said()]
  expect(new Set(all).size).toBe(all.length)
  const found = await counted()
  expect([all.length, all.length + 1]).toContain(found)
})
