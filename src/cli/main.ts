#!/usr/bin/env node
/** The command line. What needs no command, such as `--version`, loads none. */
import manifest from '../../package.json' with { type: 'json' }
import { problemOfNode } from '../runtime/node-version.ts'

// Without await: executables contain CommonJS, which has none here.
const words = process.argv.slice(2)
const [first = '--help', ...others] = words
const print = (text: string): void => {
  // A reader that goes away is not a failure.
  process.stdout.on('error', () => process.exit())
  process.stdout.write(text)
}

const oldNode = problemOfNode(manifest.engines.node)

if (oldNode !== undefined) {
  process.stderr.write(`error: ${oldNode}\n`)
  process.exitCode = 1
} else if (['-V', '--version'].includes(first)) print(`${manifest.version}\n`)
else if (['-h', '--help'].includes(first) || (first === 'help' && others.length === 0))
  void Promise.all([import('./overview.ts'), import('./commands.ts')]).then(([{ overview }, { names }]) =>
    print(overview(names)),
  )
else if (first === 'serve' && others.length === 0) void import('./serve.ts').then(({ serve }) => serve())
else void import('./run.ts').then(({ run }) => run(first === 'help' ? [...others, '--help'] : words))
