/** Asks for a passphrase at the terminal. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { PlatteError } from '../kernel/errors.ts'
import { visible } from '../kernel/format.ts'

/**
 * Asks at the terminal for one line that is not shown. Ctrl-C interrupts the process, Ctrl-D gives up.
 * @returns `undefined` where stdin or stderr is no terminal. @throws PlatteError('credentials')
 */
export async function askSecret(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  // The interface switches echo off, and what it would write itself goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 })
  terminal.once('SIGINT', () => {
    terminal.close()
    process.stderr.write('\n')
    process.kill(process.pid, 'SIGINT')
  })
  process.stderr.write(visible(question))
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.once('line', resolve)
      terminal.once('close', () => reject(new PlatteError('credentials', 'no passphrase was typed')))
    })
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
