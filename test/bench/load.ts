/** A client that costs little: connections that post the same bytes again as soon as they are answered. Started by checks.ts. */
import { askForever, connections, postBytes, stayAwake } from './asking.ts'
import { checkPath } from './bare.ts'
import { request } from './world.ts'

const [port = '0', seconds = '10'] = process.argv.slice(2)
const bytes = postBytes(checkPath, request)
const end = performance.now() + Number(seconds) * 1000

for (let i = 0; i < connections; i++) askForever(Number(port), () => (performance.now() < end ? bytes : undefined))
stayAwake(() => performance.now() < end)
