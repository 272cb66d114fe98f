/** Commands in a real terminal, made by `script`. */
import { spawn } from 'node:child_process'

type Given = Readonly<{ words: string; cwd: string; env: Readonly<Record<string, string | undefined>> }>
type Shown = Readonly<{ code: number; shown: string }>

/** Runs a command, and types the next answer at each question. @param main the command line's file. */
export async function atTerminal(
  main: string,
  { words, cwd, env }: Given,
  answers: readonly (string | (() => Promise<string>))[],
): Promise<Shown> {
  const command = `exec "${process.execPath}" "${main}" ${words}`
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { cwd, env })
  let shown = ''
  let asked = 0
  child.stdout.on('data', (chunk) => {
    shown += chunk
    if (shown.split('[y/N]').length - 1 <= asked) return
    const answer = answers[asked++] ?? 'n\r'
    if (typeof answer === 'string') child.stdin.write(answer)
    else void answer().then((text) => child.stdin.write(text))
  })
  const code = await new Promise<number>((done) => child.on('close', done))
  return { code, shown }
}
