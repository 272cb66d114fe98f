/** A client that costs little: connections that post a check again as soon as they are answered. Started by checks.ts. */
import { askForever, checksOf, connections, stayAwake } from './asking.ts'
import { checkPath } from './bare.ts'

const [port = '0', machines = '1', seconds = '10'] = process.argv.slice(2)
const checks = checksOf(checkPath, Number(machines))
const end = performance.now() + Number(seconds) * 1000

for (let i = 0; i < connections; i++) {
  const next = checks()
  askForever(Number(port), () => (performance.now() < end ? next() : undefined))
}
stayAwake(() => performance.now() < end)
