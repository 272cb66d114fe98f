import { describe, expect, test } from 'vitest'
import { jsonLog, logLine } from '../../src/kernel/json-log.ts'

const at = Date.parse('2026-11-23T06:00:00.000Z')

/** A log with a fixed clock, and what it wrote. */
function logging(answer: () => unknown = () => undefined) {
  const written: string[] = []
  const log = jsonLog(
    (lines) => {
      written.push(lines)
      return answer()
    },
    () => at,
  )
  return { log, written, lines: () => written.join('').split('\n').slice(0, -1) }
}

const check = { level: 'info', event: 'check' } as const

describe('jsonLog', () => {
  test('writes one line of JSON per entry', () => {
    const { log, written } = logging()
    log({ ...check, app: 'a', tookMs: 1.5, manual: false, reason: undefined })
    log({ level: 'warn', event: 'catalog' })
    expect(written).toEqual([])
    log.flush()
    expect(written).toEqual([
      '{"time":"2026-11-23T06:00:00.000Z","level":"info","event":"check","app":"a","tookMs":1.5,"manual":false}\n' +
        '{"time":"2026-11-23T06:00:00.000Z","level":"warn","event":"catalog"}\n',
    ])
    log.flush()
    expect(written.length).toBe(1)
  })

  test('each line has the instant of its own, before and after others', () => {
    for (const now of [at + 7, at + 7, at + 999, at + 1000, at + 60_042, at - 1, 0, -1, -1000])
      expect(JSON.parse(logLine(now, check)).time).toBe(new Date(now).toISOString())
  })

  test.each([
    ['a new line', 'a\nb\r'],
    ['an escape sequence', '\u001b[2Jgone'],
    ['the same in one character', '\u009b2Jgone'],
    ['DEL and NUL', '\u007f\0'],
    ['line separators', '\u2028\u2029'],
    ['text that runs backwards', '\u202egnp.exe\u2066'],
    ['half a character', '\ud800'],
  ])('%s cannot break the line', (_, value) => {
    const { log, lines } = logging()
    log({ ...check, machine: value })
    log.flush()
    expect(lines().length).toBe(1)
    expect(JSON.parse(lines()[0] ?? '')).toMatchObject({ machine: value })
    expect(lines()[0]).toMatch(/^[\x20-\x7e]+$/)
  })

  test('flushes by itself, and at once if much is buffered', async () => {
    const { log, written } = logging()
    log(check)
    await expect.poll(() => written.length).toBe(1)
    for (let n = 0; n < 1000; n++) log({ ...check, text: 'x'.repeat(100) })
    expect(written.length).toBeGreaterThan(1)
  })

  const throws = (): never => {
    throw new Error('EPIPE')
  }
  const rejects = (): Promise<never> => Promise.reject(new Error('EPIPE'))
  test.each([
    ['throws', throws],
    ['rejects', rejects],
  ])('a writer that %s loses lines, and they are counted', async (_, fail) => {
    let broken = true
    const { log, written } = logging(() => (broken ? fail() : undefined))
    for (let n = 0; n < 3; n++) log(check)
    log.flush()
    await new Promise((resolve) => setImmediate(resolve))
    broken = false
    log(check)
    log.flush()
    expect(JSON.parse(written[1]?.split('\n')[0] ?? '')).toMatchObject({ level: 'warn', event: 'log', lostLines: 3 })
    expect(written[1]?.split('\n').length).toBe(3)
  })

  test('a hanging writer blocks nobody, and memory stays bounded', async () => {
    let release = (): void => undefined
    const { log, written, lines } = logging(
      () =>
        new Promise<void>((resolve) => {
          release = resolve
        }),
    )
    log({ ...check, first: true })
    log.flush()
    const entries = 60_000
    for (let n = 0; n < entries; n++) log({ ...check, text: 'x'.repeat(100) })
    log.flush()
    expect(written.length).toBe(1)
    release()
    await expect.poll(() => written.length).toBe(2)
    release()
    log(check)
    await new Promise((resolve) => setImmediate(resolve))
    log.flush()
    const lost = lines().map((line): unknown => JSON.parse(line)?.lostLines)
    const counted = lost.filter((count) => typeof count === 'number').reduce((sum, count) => sum + count, 0)
    expect(counted).toBeGreaterThan(0)
    expect(counted + lost.filter((count) => count === undefined).length).toBe(entries + 2)
  })
})
