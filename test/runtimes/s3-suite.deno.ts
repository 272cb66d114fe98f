/**
 * Runs the suites of all ports on a bucket and prints what failed as JSON; or, with `fails`, what reading is told.
 * Meant for Deno; Node does as well.
 */
import { writeSync } from 'node:fs'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { parseStore } from '../../src/runtime/own-settings.ts'
import { openS3 } from '../../src/store/s3/client.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { s3Uploads } from '../../src/store/s3/uploads.ts'
import { documentRows } from '../conformance/documents.ts'
import { packageRows } from '../conformance/packages.ts'
import { failures } from '../conformance/rows.ts'
import { uploadRows } from '../conformance/uploads.ts'

const [setting = '', what] = process.argv.slice(2)
const ref = parseStore(setting)
if (ref.kind !== 's3') throw new Error(`${setting} is no bucket`)
const s3 = await openS3(ref, { random: () => 0, ...(what === 'fails' && { patienceMs: 3000 }) })

const messageOf = (work: Promise<unknown>): Promise<string> => work.then(String, (error) => error.message)

async function readAll(): Promise<number> {
  const found = await s3Packages(s3, nodeHasher).open('packages/os.gz')
  return (await new Response(found?.body).arrayBuffer()).byteLength
}

const uploads = () => s3Uploads(s3, { packages: s3Packages(s3, nodeHasher), partBytes: 5 * 1024 * 1024 })

const report =
  what === 'fails'
    ? [await messageOf(s3Documents(s3).get('catalog.jws', 1_000_000)), await messageOf(readAll())]
    : [
        ...(await failures(documentRows, () => s3Documents(s3), 'documents')),
        ...(await failures(packageRows(nodeHasher), () => s3Packages(s3, nodeHasher), 'packages')),
        ...(await failures(uploadRows, uploads)),
      ]
writeSync(1, `${JSON.stringify(report)}\n`)
process.exit(0)
