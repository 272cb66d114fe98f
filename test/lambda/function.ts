/** The built function in this process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, vi } from 'vitest'
import { buildLambda } from './build.ts'

/** A function that was started: events come as JSON, and so do results go. */
export type Invoke = (event: unknown) => Promise<unknown>

/** Builds the function for one test file. */
export function useFunction() {
  const folder = mkdtempSync(join(tmpdir(), 'platte-lambda-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const { file, metafile } = buildLambda(folder)
  let started = 0
  /** Starts it with these variables, as an environment of its own. */
  const start = async (env: Readonly<Record<string, string>>): Promise<Invoke> => {
    const before = process.env
    process.env = { ...before, ...env }
    try {
      const { handler } = await import(/* @vite-ignore */ `${file}?${started++}`)
      return async (event) => asJson(await handler(asJson(event)))
    } finally {
      process.env = before
    }
  }
  return { start, metafile, logged: useLog() }
}

const asJson = (value: unknown): unknown => (value === undefined ? null : JSON.parse(JSON.stringify(value)))

/** @returns the lines that one test made the function write. */
function useLog() {
  let written = ''
  beforeEach(() => {
    written = ''
    vi.spyOn(process.stdout, 'write').mockImplementation((lines) => {
      written += lines
      return true
    })
  })
  return (): Readonly<Record<string, unknown>>[] =>
    written
      .split('\n')
      .filter((line) => line.startsWith('{"time"'))
      .map((line) => JSON.parse(line))
}
