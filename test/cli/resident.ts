/**
 * The command line for scenes: runs one command after another in this process, because most take longer to start than to
 * run. A call is a folder with `words`, which begin with the working folder, and `env`; its name is a line of the FIFO
 * `calls`. What is written becomes files such as `000.1` for stdout and `001.2` for stderr; `done` gets the exit code.
 */
import { createReadStream, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { run } from '../../src/cli/run.ts'

const [calls = ''] = process.argv.slice(2)
let parts: { readonly to: 1 | 2; text: string }[] = []

/** Writes that follow one another to the same stream are one part. */
function write(to: 1 | 2, text: string): void {
  const last = parts.at(-1)
  if (last?.to === to) last.text += text
  else parts.push({ to, text })
}
for (const [to, stream] of [[1, process.stdout] as const, [2, process.stderr] as const])
  stream.write = (part: string | Uint8Array) => {
    write(to, typeof part === 'string' ? part : Buffer.from(part).toString())
    return true
  }
process.stdin.resume().once('close', () => {
  rmSync(dirname(calls), { recursive: true, force: true })
  // An exit would wait for the read of the FIFO.
  process.kill(process.pid, 'SIGKILL')
})
process.on('uncaughtException', (error) => write(2, `a defect outside of the command: ${error.stack}\n`))

const listIn = (file: string): readonly string[] => readFileSync(file, 'utf8').split('\0').slice(0, -1)

function enter(folder: string, env: readonly string[]): void {
  process.chdir(folder)
  for (const name of Object.keys(process.env)) delete process.env[name]
  for (const one of env) process.env[one.slice(0, one.indexOf('='))] = one.slice(one.indexOf('=') + 1)
}

for await (const call of createInterface({ input: createReadStream(calls, { flags: 'r+' }) })) {
  const [folder = '', ...words] = listIn(join(call, 'words'))
  enter(folder, listIn(join(call, 'env')))
  parts = []
  process.exitCode = undefined
  await run(words)
  for (const [n, { to, text }] of parts.entries())
    writeFileSync(join(call, `${String(n).padStart(3, '0')}.${to}`), text)
  writeFileSync(join(call, 'done'), `${process.exitCode ?? 0}\n`)
}
