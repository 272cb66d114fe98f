/** Asks the gate at `PLATTE_GATE` as a Worker does. */
import { openGates } from '../../src/lock-gates/gates.ts'
import { webTransport } from '../../src/store/http/transport.ts'

export default {
  async fetch(_: Request, { PLATTE_GATE: url }: { readonly PLATTE_GATE: string }): Promise<Response> {
    const lines: object[] = []
    const log = (line: object): void => void lines.push(line)
    const gates = openGates({ gates: [{ name: 'gate', url }], transport: webTransport(), clock: Date.now, log })
    return Response.json({ reason: await gates.lockGate.ask('workers'), lines })
  },
}
