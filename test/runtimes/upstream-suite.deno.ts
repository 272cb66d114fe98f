/** Reads through the server that the first argument names, and prints what came of it as JSON. Meant for Deno. */
import { writeSync } from 'node:fs'
import { transport } from '../../src/runtime/transport.ts'
import { readAll } from '../upstream/reads.ts'

writeSync(1, `${JSON.stringify(await readAll(process.argv[2] ?? '', transport))}\n`)
